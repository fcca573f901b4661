"""Starts every part of the one-box stack in order, and registers how to end each in reverse order."""

import json
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from local import containers, data, engine, images, ports, process, redis_server, variables, worker_metrics
from local.errors import StackError
from local.process import other_cores, python
from local.progress import say, step
from local.signals import held
from local.state import Running, StateDir
from local.supervisor import Child, Program, Supervisor
from worker_agent.config import Settings
from worker_agent.sandboxes.images import image_name, offered

DEFAULT_PORT = 8400
TENANT = "local"
#: The agent lets running Invocations finish before it ends; after this it is killed and its containers are removed.
AGENT_GRACE_S = 30.0
START_TIMEOUT_S = 60.0
#: Eight Stems take some 4 s on a quiet machine of two cores.
STEMS_TIMEOUT_S = 60.0
STEMS_POLL_S = 0.1
#: The agent ends after its last poll, so Ctrl-C may take this long. On AWS longer polls cost less.
POLL_S = 2


@dataclass(frozen=True)
class Options:
    """How a stack is to be started."""

    port: int | None  #: the gateway's; None for the usual one, or another if that is taken
    isolated: bool  #: use no Redis that already runs
    state: StateDir


class Stack:
    """One stack. `environ` collects what its parts must know of each other, `undo` how to end them."""

    def __init__(self, options: Options, undo: ExitStack) -> None:
        self._state = options.state
        self._options = options
        self._undo = undo
        self._environ = variables.for_stack(os.environ)
        self._port = 0
        self.supervisor = Supervisor(say)
        self.metrics_url: str | None = None

    def start(self) -> str:
        """Starts everything and returns the stack's address; raises StackError at the first part that fails."""
        self._settings()
        self._redis()
        self._aws()
        self._engine()
        self._images()
        self._data()
        keys = self._first_tenant()
        url = self._gateway()
        self._events()
        agent = self._agent()
        self._stems(agent)
        self._state.write_env(variables.for_callers(url, keys))
        self._state.record(Running(os.getpid(), self._environ["DOCKER_HOST"], url, self.metrics_url))
        return url

    @property
    def environ(self) -> Mapping[str, str]:
        """What the parts know of each other so far: where Redis, AWS and the engine are, and the tables' names."""
        return dict(self._environ)

    def _settings(self) -> None:
        """Raises StackError if a setting cannot be used, before anything has started."""
        problems = process.output(python("local.settings"), self._environ).strip()
        if problems:
            raise StackError(problems)
        metrics_port = self._environ.get("HEARTH_METRICS_PORT")
        if metrics_port:
            ports.require("HEARTH_METRICS_PORT", metrics_port)
        named = self._options.port
        self._port = ports.choose(DEFAULT_PORT) if named is None else ports.require("--port", named)
        self._undo.callback(ports.reserve(self._port).close)

    def _redis(self) -> None:
        with step("redis", "looking for a Redis, else starting one") as result:
            url = None if self._options.isolated else redis_server.running()
            if url:
                result.append(f"using the one at {url}")
            else:
                url = self._own_redis()
                result.append(f"started one at {url}")
            self._environ["HEARTH_REDIS_URL"] = url

    def _own_redis(self) -> str:
        # Left to itself the kernel runs it on the core where it was woken, which is the gateway's only one.
        url, command = redis_server.own(other_cores(self._port))
        child = self._child(self._program("redis", command, loss="Rate limits and pending answers are lost."))
        child.wait_until(lambda: redis_server.answers(url), START_TIMEOUT_S)
        return url

    def _aws(self) -> None:
        with step("aws", "starting the AWS stand-in (S3, DynamoDB, SQS)") as result:
            port = ports.free_port()
            program = self._program(
                "aws",
                python("local.aws_standin", str(port)),
                loss="It kept functions, records and queues in memory, and they are lost. Start the stack again.",
                restartable=False,
                grace_s=1,
            )
            child = self._child(program)
            self._environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
            child.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/moto-api/"), START_TIMEOUT_S)
            result.append(f"at http://127.0.0.1:{port}")

    def _engine(self) -> None:
        with step("engine", "looking for a Docker Engine, else starting one") as result:
            address = self._undo.enter_context(engine.borrowed(result.append))
            self._environ["DOCKER_HOST"] = address
            self._state.record(Running(os.getpid(), address))
        self._undo.callback(containers.remove_all, address, self._state.stack)
        containers.remove_all(address, self._state.stack)  # those of a stack in this directory that was killed

    def _images(self) -> None:
        for runtime in offered():
            name = image_name(runtime)
            with step("image", f"{name}: building it if it is new (a minute or two, once)") as result:
                images.ensure(self._environ["DOCKER_HOST"], runtime, self._state.log("images"), result.append)

    def _data(self) -> None:
        with step("data", "creating bucket, tables and queues"):
            self._environ |= data.create(self._environ["AWS_ENDPOINT_URL"], self._environ)

    def _first_tenant(self) -> dict[str, str]:
        with step("tenant", f"creating the first tenant, `{TENANT}`, and its keys"):
            issued: dict[str, str] = json.loads(process.output(python("local.first_tenant", TENANT), self._environ))
        return issued

    def _gateway(self) -> str:
        with step("gateway", "starting the controller behind the gateway") as result:
            url = f"http://127.0.0.1:{self._port}"
            self._environ.setdefault("HEARTH_PUBLIC_URL", url)
            child = self._child(self._program("gateway", python("local.gateway", str(self._port))))
            child.wait_until(lambda: _answers(f"{url}/"), START_TIMEOUT_S)
            moved = self._options.port is None and self._port != DEFAULT_PORT
            result.append(f"{f'port {DEFAULT_PORT} is taken, so ' if moved else ''}at {url}")
        return url

    def _events(self) -> None:
        with step("events", "starting what calls the controller's event handlers"):
            self._child(self._program("events", python("local.events")))

    def _agent(self) -> Child:
        with step("worker", "starting the worker agent"):
            metrics_port = self._environ.get("HEARTH_METRICS_PORT") or str(ports.free_port())
            self.metrics_url = f"http://127.0.0.1:{metrics_port}/metrics"
            self._environ |= {
                "HEARTH_METRICS_PORT": metrics_port,
                "HEARTH_STACK": self._state.stack,
                "HEARTH_VISIBILITY_S": str(data.VISIBILITY_S),
                "HEARTH_POLL_S": str(POLL_S),
            }
            command = python("worker_agent")
            child = self._child(self._program("worker", command, grace_s=AGENT_GRACE_S, on_parent_death=signal.SIGTERM))
            child.wait_until(lambda: _says_ready(self._state.log("worker").read_text()), START_TIMEOUT_S)
        return child

    def _stems(self, agent: Child) -> None:
        """Waits until the first cold start of every runtime finds a Stem, but not for ever."""
        wanted = Settings.from_env(self._environ).stems
        with step("stems", f"starting {wanted} sandboxes of each runtime for the functions to come") as result:
            ready = agent.is_ready_within(lambda: self._missing_stems(wanted) == 0, STEMS_TIMEOUT_S, STEMS_POLL_S)
            if not ready:
                missing = self._missing_stems(wanted)
                result.append(
                    f"{missing} of {wanted * len(offered())} are not ready after {STEMS_TIMEOUT_S:.0f} s: the first "
                    f"calls may be slow, or fail; the reason is in {self._state.log('worker')}"
                )

    def _missing_stems(self, wanted: int) -> int:
        """Returns how many Stems are still to come, if a worker keeps as many as `wanted` of each runtime."""
        ready = worker_metrics.stems_ready(worker_metrics.read(str(self.metrics_url)))
        return sum(max(0, wanted - ready.get(runtime, 0)) for runtime in offered())

    def _program(self, name: str, command: Sequence[str], **traits: Any) -> Program:
        """Returns a program that gets all variables known so far."""
        return Program(name=name, command=command, environ=dict(self._environ), log=self._state.log(name), **traits)

    def _child(self, program: Program) -> Child:
        """Starts a watched child and registers how to end it."""
        with held():
            child = self.supervisor.start(program)
            self._undo.callback(self._end, child)
        return child

    def _end(self, child: Child) -> None:
        with step(child.program.name, "stopping"):
            self.supervisor.stop(child)


def _answers(url: str) -> bool:
    """Returns whether an HTTP server answers at this address, whatever its answer."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  (the address is our own)
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


def _says_ready(log: str) -> bool:
    """Returns whether the agent's log has the line that says that it takes work."""
    whole = log.rpartition("\n")[0]  # the line after it may be half written
    lines = (line for line in whole.splitlines() if "agent_ready" in line)
    return any(json.loads(line).get("action") == "agent_ready" for line in lines)
