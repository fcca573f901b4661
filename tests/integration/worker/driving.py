"""Starts functions in real sandboxes and runs events in them."""

import json
import textwrap
from pathlib import Path
from typing import Any

from tests.builders import invocation, version, zip_of
from tests.integration.worker.conftest import TidySandboxes
from worker_agent.sandboxes.docker import DockerSandbox
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import Ran

HELLO = "def handler(event, context):\n    print('hello')\n    return event\n"


def start(sandboxes: TidySandboxes, source: str = HELLO, **changed: Any) -> DockerSandbox:
    code = zip_of(main=textwrap.dedent(source))
    return sandboxes.start(version(code, **{"memory_mb": 1769, **changed}), code)


def run(sandbox: DockerSandbox, event: str = "{}") -> Ran:
    return sandbox.invoke(invocation(version=sandbox.version), event.encode())


def answer(sandboxes: TidySandboxes, source: str, **changed: Any) -> Any:
    """What a function that was started for this one event answers."""
    ran = run(start(sandboxes, source, **changed))
    assert ran.end.how is How.ANSWERED, ran
    return json.loads(ran.end.payload)


def first_process(sandbox: DockerSandbox) -> str:
    fdinfo = Path(f"/proc/self/fdinfo/{sandbox._hold._pidfd}").read_text()
    return next(line.split()[1] for line in fdinfo.splitlines() if line.startswith("Pid:"))
