"""Starts every part of the one-box stack in order and takes it down in reverse; what the parts are lives elsewhere."""

import json
import os
import secrets
import signal
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from local import containers, data, engine, images, ports, process, redis_server
from local.process import other_cores, python
from local.progress import say, step
from local.state import ROOT, StateDir
from local.supervisor import Child, Program, Supervisor
from worker_agent.sandboxes.images import image_name, offered

REGION = "us-east-1"
TENANT = "local"
#: The agent lets running work finish before it ends; past this it is killed and its containers are removed.
AGENT_GRACE_S = 30.0
START_TIMEOUT_S = 60.0
#: The agent ends when its last poll does, so this is how long Ctrl-C may take; on AWS longer polls cost less.
POLL_S = 2

#: What of the person's own AWS settings may reach the stack. Nothing else: it must never talk to a real account.
_KEPT = frozenset({"AWS_XRAY_DAEMON_ADDRESS"})


@dataclass(frozen=True)
class Options:
    """How a stack is to be started."""

    port: int
    isolated: bool
    state: StateDir


class Stack:
    """One stack. What its parts must know of each other gathers in `environ`, and how to undo them in `undo`."""

    def __init__(self, options: Options, undo: ExitStack) -> None:
        self._state = options.state
        self._options = options
        self._undo = undo
        self._environ = own_environ(os.environ)
        self.supervisor = Supervisor(say)
        self.metrics_url: str | None = None

    def start(self) -> str:
        """Start everything and give the address; raise StackError at the first part that does not start."""
        self._redis()
        self._aws()
        self._engine()
        self._images()
        self._data()
        keys = self._first_tenant()
        url = self._gateway()
        self._events()
        self._agent()
        self._state.write_env({"HEARTH_URL": url, "HEARTH_REGION": REGION, **keys})
        return url

    @property
    def environ(self) -> Mapping[str, str]:
        """What its parts know of each other by now: where Redis, AWS and the engine are, and how tables are called."""
        return dict(self._environ)

    def _redis(self) -> None:
        with step("redis", "looking for a Redis, else starting one") as result:
            url = None if self._options.isolated else redis_server.running()
            if url:
                result.append(f"the one at {url} is used")
            else:
                # Left to itself the kernel runs it where it was woken: on the gateway's only core.
                url, command = redis_server.own(other_cores(self._options.port))
                child = self._child(
                    self._program("redis", command, loss="Rate limits and answers under way are forgotten.")
                )
                child.wait_until(lambda: redis_server.answers(url), START_TIMEOUT_S)
                result.append(f"own one at {url}")
            self._environ["HEARTH_REDIS_URL"] = url

    def _aws(self) -> None:
        with step("aws", "starting the AWS stand-in (S3, DynamoDB, SQS)") as result:
            port = ports.free_port()
            loss = "It kept functions, records and queues in memory: they are gone. Start the stack again."
            program = self._program("aws", python("local.aws_standin", str(port)), loss=loss, mendable=False, grace_s=1)
            child = self._child(program)
            self._environ["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{port}"
            child.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/moto-api/"), START_TIMEOUT_S)
            result.append(f"at http://127.0.0.1:{port}")

    def _engine(self) -> None:
        with step("engine", "looking for a Docker Engine, else starting one") as result:
            address = self._undo.enter_context(engine.borrowed(result.append))
            self._environ["DOCKER_HOST"] = address
        self._undo.callback(containers.remove_all, address, self._state.stack)
        containers.remove_all(address, self._state.stack)  # of a stack in this directory that was killed

    def _images(self) -> None:
        for runtime in offered():
            name = image_name(runtime)
            with step("image", f"{name}: building it if it is new (a minute or two, once)") as result:
                images.ensure(self._environ["DOCKER_HOST"], runtime, self._state.log("images"), result.append)

    def _data(self) -> None:
        with step("data", "creating bucket, tables and queues"):
            self._environ |= data.create(self._environ["AWS_ENDPOINT_URL"], self._environ)

    def _first_tenant(self) -> dict[str, str]:
        with step("tenant", f"making the first Tenant, `{TENANT}`, and its keys"):
            issued = json.loads(process.output(python("local.first_tenant", TENANT), self._environ))
        return {
            "HEARTH_API_KEY": issued["api_key"],
            "HEARTH_ACCESS_KEY_ID": issued["access_key_id"],
            "HEARTH_SECRET_ACCESS_KEY": issued["secret_access_key"],
            "HEARTH_ADMIN_KEY": issued["admin_key"],
        }

    def _gateway(self) -> str:
        with step("gateway", "starting the controller behind the gateway") as result:
            port = ports.choose(self._options.port)
            self._environ["HEARTH_PUBLIC_URL"] = f"http://127.0.0.1:{port}"
            child = self._child(self._program("gateway", python("local.gateway", str(port))))
            child.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/"), START_TIMEOUT_S)
            taken = "" if port == self._options.port else f"port {self._options.port} is taken, so "
            result.append(f"{taken}at http://127.0.0.1:{port}")
        return f"http://127.0.0.1:{port}"

    def _events(self) -> None:
        with step("events", "starting what calls the controller's event handlers"):
            self._child(self._program("events", python("local.events")))

    def _agent(self) -> None:
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

    def _program(self, name: str, command: Sequence[str], **traits: Any) -> Program:
        """Give a program that gets to know everything the stack knows by now."""
        return Program(name=name, command=command, environ=dict(self._environ), log=self._state.log(name), **traits)

    def _child(self, program: Program) -> Child:
        """Start a watched child and see to it that it is ended when its turn comes."""
        child = self.supervisor.start(program)
        self._undo.callback(self._end, child)
        return child

    def _end(self, child: Child) -> None:
        with step(child.program.name, "stopping"):
            self.supervisor.stop(child)


def own_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of the stack's processes: the person's own without their AWS, and what every part needs."""
    kept = {name: value for name, value in environ.items() if not name.startswith("AWS_") or name in _KEPT}
    return kept | {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "HEARTH_SECRET_SEED": secrets.token_hex(32),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'api'}",
    }


def _answers(url: str) -> bool:
    """Say whether an HTTP server answers there, whatever it says."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310  (the address is our own)
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False


def _says_ready(log: str) -> bool:
    """Say whether the agent's log has the line that it takes work."""
    whole = log.rpartition("\n")[0]  # the line after may be half written
    lines = (line for line in whole.splitlines() if "agent_ready" in line)
    return any(json.loads(line).get("action") == "agent_ready" for line in lines)
