"""Starts functions of any runtime in real sandboxes, from files of theirs, and runs events in them."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.builders import invocation, version
from tests.integration.worker.conftest import TidySandboxes
from tests.zips import Files, zipped
from worker_agent.sandboxes.docker import DockerSandbox
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import Ran, StartFailed


def start(
    sandboxes: TidySandboxes, runtime: str, files: Files, handler: str, zips: Sequence[bytes] = (), **changed: Any
) -> DockerSandbox:
    """Start a function of these files, with these zips of layers."""
    code = zipped(files, changed.pop("mode", 0o755))
    values = {"memory_mb": 1769, "timeout_s": 10, "environment": {"MINE": "yes"}, **changed}
    return sandboxes.start(version(code, runtime=runtime, handler=handler, **values), code, zips)


def run(sandbox: DockerSandbox, event: Any = None) -> Ran:
    return sandbox.invoke(invocation(version=sandbox.version), json.dumps(event or {}).encode())


def answer(sandbox: DockerSandbox, event: Any = None) -> Any:
    ran = run(sandbox, event)
    assert ran.end.how is How.ANSWERED, ran
    return json.loads(ran.end.payload)


def error(ran: Ran) -> Any:
    assert ran.end.how in (How.FAILED, How.INIT_FAILED), ran
    return json.loads(ran.end.payload)


def start_error(begin: Callable[[], object]) -> Any:
    """What is told of a start that fails by the function's fault."""
    with pytest.raises(StartFailed) as failed:
        begin()
    assert failed.value.ran.end.how is How.INIT_FAILED, failed.value.ran
    return error(failed.value.ran)
