"""Says in Lambda's words how a run ended: pure functions from a Ran to an Outcome."""

import json
from collections.abc import Callable

from shared_lua.contract import Invocation, Outcome, Status
from worker_agent.runtime_api import How
from worker_agent.runtime_link import MAX_ANSWER_BYTES
from worker_agent.sandbox import Ran


def answer_or_error(invocation: Invocation, ran: Ran) -> tuple[str, str | None]:
    """Give the payload of a run and its error type, None for an answer."""
    if ran.end.how is How.ANSWERED:
        return ran.end.payload.decode("utf-8", "replace"), None
    error = _DESCRIPTIONS[ran.end.how](invocation, ran)
    return json.dumps(error), str(error["errorType"])


def outcome(payload: str, error_type: str | None, log_tail: str) -> Outcome:
    """Give the Outcome of a run."""
    status = Status.FAILED if error_type else Status.SUCCEEDED
    return Outcome(status=status, payload=payload, error_type=error_type, log_tail=log_tail)


def expired(invocation: Invocation, attempt: int) -> Outcome:
    """Give the Outcome of an Invocation whose deadline passed before this attempt could start."""
    limit_s = (invocation.start_by_us - invocation.admitted_at_us) / 1_000_000
    again = "" if attempt == 1 else " again: an earlier attempt was lost with its worker"
    message = f"the invocation waited longer than {limit_s:.0f} s, its limit, and was not started{again}"
    return _unexecuted(Status.EXPIRED, "Hearth.QueueTimeout", invocation, message)


def abandoned(invocation: Invocation, attempts: int) -> Outcome:
    """Give the Outcome of an Invocation that the platform failed to run in all its attempts."""
    message = f"the platform could not run the invocation in {attempts} attempts; nothing is charged"
    return _unexecuted(Status.ABANDONED, "Hearth.PlatformError", invocation, message)


def unstartable(invocation: Invocation) -> Outcome:
    """Give the Outcome of an Invocation that somebody waits for and no worker can start a sandbox for."""
    message = "no worker can start functions now, as the Docker Engine does not answer; nothing is charged"
    return _unexecuted(Status.ABANDONED, "Hearth.EngineUnavailable", invocation, message)


def _unexecuted(status: Status, error_type: str, invocation: Invocation, message: str) -> Outcome:
    payload = json.dumps({"errorType": error_type, "errorMessage": _sentence(invocation, message)})
    return Outcome(status=status, payload=payload, error_type=error_type, executed=False)


def _reported(invocation: Invocation, ran: Ran) -> dict[str, object]:
    """Give the runtime's own error object; user code may have posted anything in its place."""
    try:
        error = json.loads(ran.end.payload)
    except ValueError:
        error = None
    if isinstance(error, dict) and isinstance(error.get("errorType"), str):
        return error
    return {"errorType": "Runtime.Unknown", "errorMessage": _sentence(invocation, "the runtime gave no error object")}


def _too_large(_: Invocation, ran: Ran) -> dict[str, object]:
    message = f"Response payload size ({ran.end.size} bytes) exceeded maximum allowed payload size"
    return {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": f"{message} ({MAX_ANSWER_BYTES} bytes)."}


def _died(invocation: Invocation, ran: Ran) -> dict[str, object]:
    error_type = "Runtime.OutOfMemory" if ran.oom_killed else "Runtime.ExitError"
    return {"errorType": error_type, "errorMessage": _sentence(invocation, ran.exit_reason)}


def _timed_out(invocation: Invocation, ran: Ran) -> dict[str, object]:
    if ran.run_us:
        message = f"Task timed out after {invocation.version.timeout_s:.2f} seconds"
    else:
        message = "the function was not ready for its first event within the time allowed for a start"
    return {"errorType": "Sandbox.Timedout", "errorMessage": _sentence(invocation, message)}


def _sentence(invocation: Invocation, message: str) -> str:
    return f"RequestId: {invocation.invocation_id} Error: {message}"


_DESCRIPTIONS: dict[How, Callable[[Invocation, Ran], dict[str, object]]] = {
    How.FAILED: _reported,
    How.INIT_FAILED: _reported,
    How.TOO_LARGE: _too_large,
    How.DIED: _died,
    How.TIMED_OUT: _timed_out,
}
