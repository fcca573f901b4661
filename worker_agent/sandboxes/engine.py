"""The adapter of the Docker Engine; counts every call."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
import requests.exceptions

from worker_agent import log
from worker_agent.errors import EngineUnavailableError, ImageMissingError
from worker_agent.threads import Jobs

#: The timeout of every call: a hung engine must not hang the agent.
CALL_TIMEOUT_S = 30
#: A ping comes before every call that takes longer, so that a hung engine is noticed soon.
PING_TIMEOUT_S = 2
#: The CPU limit of a sandbox until its start is over: starting with 7 % of a core would take seconds.
START_CORES = 1


@dataclass(frozen=True)
class ContainerSpec:
    """What varies between sandboxes; all else about a container is fixed below."""

    image: str
    memory_bytes: int
    pids: int
    open_files: int
    tmp_bytes: int
    code_bytes: int
    layer_bytes: int
    labels: dict[str, str]


@dataclass(frozen=True)
class Ending:
    """How a container ended, as the engine says. `exit_code` is None when it does not know."""

    exit_code: int | None
    was_killed_for_memory: bool


class Engine:
    """The Docker Engine, as far as sandboxes need it. `impatient` is a client with a short timeout, for pings."""

    def __init__(self, client: "docker.APIClient", impatient: "docker.APIClient | None" = None) -> None:
        self._client = client
        self._impatient = impatient or client
        self._lock = threading.Lock()
        self._removing = Jobs("remove", 1)
        self._removals: set[Future[None]] = set()
        self.calls = 0

    def ping(self) -> None:
        """Raise EngineUnavailableError when the engine does not answer."""
        with self._call("ping"):
            self._impatient.ping()

    def create(self, spec: ContainerSpec) -> str:
        """Create a locked-down container and give its id."""
        with self._call("create"):
            created = self._client.create_container(
                image=spec.image,
                user="65534:65534",
                hostname="sandbox",
                labels=spec.labels,
                network_disabled=True,
                host_config=self._client.create_host_config(**hardening(spec)) | HIDDEN,
            )
        identity: str = created["Id"]
        return identity

    def start(self, container: str) -> int:
        """Start a container and give the host's process id of its first process."""
        with self._call("start"):
            self._client.start(container)
        with self._call("inspect"):
            pid: int = self._client.inspect_container(container)["State"]["Pid"]
        return pid

    def ending(self, container: str) -> "Ending":
        """Return how a container's first process ended; unknown if the engine cannot say within a few seconds."""
        try:
            with self._call("wait"):
                self._client.wait(container, timeout=5)
            with self._call("inspect"):
                state = self._client.inspect_container(container)["State"]
            return Ending(int(state["ExitCode"]), bool(state["OOMKilled"]))
        except EngineUnavailableError:
            return Ending(None, was_killed_for_memory=False)

    def remove(self, container: str) -> None:
        """Kill and remove a container; does nothing when it is gone."""
        with self._call("remove"):
            try:
                self._client.remove_container(container, force=True, v=True)
            except docker.errors.NotFound:
                return

    def remove_soon(self, container: str) -> None:
        """Remove a container in the background, as it takes the engine a while."""
        try:
            removal = self._removing.submit(self._try_to_remove, container)
        except RuntimeError:  # no more removals: the next agent of this host sweeps it
            return
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    def finish_removals(self) -> None:
        """Wait until the removals in the background have succeeded or failed."""
        wait(self._removals.copy())

    def leave_removals(self) -> None:
        """Begin no more removals: an agent that stops must not wait for an engine that does not answer."""
        self._removing.shutdown(wait=False, cancel_futures=True)

    def _try_to_remove(self, container: str) -> None:
        try:
            self.remove(container)
        except EngineUnavailableError as error:
            log.warn("remove_failed", f"a dead container is left to be swept: {error}", container=container)

    def labelled(self, label: str) -> list[tuple[str, dict[str, str]]]:
        """Return id and labels of every container, running or not, that carries `label`."""
        with self._call("list"):
            found = self._client.containers(all=True, filters={"label": label})
        return [(container["Id"], container["Labels"]) for container in found]

    @contextmanager
    def _call(self, what: str) -> Iterator[None]:
        """Count one call, and turn the library's errors into the worker's."""
        with self._lock:
            self.calls += 1
        try:
            yield
        except docker.errors.ImageNotFound as error:
            raise ImageMissingError(f"{error.explanation}. Build it with `make images`.") from None
        except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
            raise EngineUnavailableError(f"the Docker Engine failed to {what}: {error}") from error


#: Paths under /proc and /sys that are hidden or cannot be written: the engine's own lists, which naming any replaces,
#: and /proc/pressure, which shows the host's load and lets anybody have the kernel watch it.
HIDDEN = {
    "MaskedPaths": [
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/pressure",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ],
    "ReadonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
}


def hardening(spec: ContainerSpec) -> dict[str, Any]:
    """Return the host configuration of a sandbox, which holds all that it may not do."""
    return {
        "network_mode": "none",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "cgroupns": "private",
        "pids_limit": spec.pids,
        "mem_limit": spec.memory_bytes,
        "memswap_limit": spec.memory_bytes,  # as much as memory: no swap at all
        "nano_cpus": START_CORES * 1_000_000_000,
        "shm_size": "1m",  # any process may write to it, so it is as small as shared locks allow
        "tmpfs": {
            "/tmp": _tmpfs(spec.tmp_bytes, 0o1777),  # noqa: S108  (the sandbox's own mount)
            "/var/task": _tmpfs(spec.code_bytes, 0o755),
            "/opt": _tmpfs(spec.layer_bytes, 0o755),
        },
        "ulimits": [
            docker.types.Ulimit(name="nofile", soft=spec.open_files, hard=spec.open_files),
            docker.types.Ulimit(name="core", soft=0, hard=0),
        ],
        # Logs come over the sandbox's own socket: nothing a function prints may fill the host's disk.
        "log_config": docker.types.LogConfig(type="none"),
        "restart_policy": {"Name": "no"},
    }


def _tmpfs(size_bytes: int, mode: int) -> str:
    return f"rw,exec,nosuid,nodev,size={size_bytes},mode={mode:o},uid=65534,gid=65534"


def connect(timeout_s: int = CALL_TIMEOUT_S) -> "docker.APIClient":
    """Return a client of the engine that DOCKER_HOST names, or of the one on the default socket."""
    try:
        return docker.APIClient(version="1.41", timeout=timeout_s, **docker.utils.kwargs_from_env())
    except docker.errors.DockerException as error:
        raise EngineUnavailableError(f"no Docker Engine: {error}") from error
