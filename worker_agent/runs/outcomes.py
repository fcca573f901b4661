"""Turns how a run ended into an Outcome, in Lambda's words; pure functions."""

import json
from collections.abc import Callable

from shared_lua.contract import Invocation, Outcome, Status
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.runtime_link import MAX_ANSWER_BYTES
from worker_agent.sandboxes.sandbox import Ran

#: The longest error type and message taken from user code, in characters: a record must hold them.
TYPE_CHARS = 256
MESSAGE_CHARS = 4096


def answer_or_error(invocation: Invocation, ran: Ran) -> tuple[str, str | None]:
    """Return the payload of a run and its error type, None for an answer."""
    said = ran.end.payload.decode("utf-8", "replace")
    if ran.end.how is How.ANSWERED:
        return said, None
    if ran.end.how in _REPORTED and (error_type := _text(said, "errorType", TYPE_CHARS)):
        return said, error_type
    error_type, message = _DESCRIPTIONS[ran.end.how](invocation, ran)
    return json.dumps({"errorType": error_type, "errorMessage": message}), error_type


def message_of(error: str) -> str:
    """Return the message of an error object, empty when it has none."""
    return _text(error, "errorMessage", MESSAGE_CHARS)


def outcome(payload: str, error_type: str | None, log_tail: str) -> Outcome:
    """Return the Outcome of a run."""
    status = Status.FAILED if error_type else Status.SUCCEEDED
    return Outcome(status=status, payload=payload, error_type=error_type, log_tail=log_tail)


def expired(invocation: Invocation, attempt: int) -> Outcome:
    """Return the Outcome of an Invocation whose deadline passed before this attempt could start."""
    limit_s = (invocation.start_by_us - invocation.admitted_at_us) / 1_000_000
    again = "" if attempt == 1 else " again: an earlier attempt was lost with its worker"
    message = f"the invocation waited longer than {limit_s:.0f} s, its limit, and was not started{again}"
    return _unexecuted(Status.EXPIRED, "Hearth.QueueTimeout", invocation, message)


def abandoned(invocation: Invocation, attempts: int) -> Outcome:
    """Return the Outcome of an Invocation that the platform failed to run in all its attempts."""
    message = f"the platform could not run the invocation in {attempts} attempts; nothing is charged"
    return _unexecuted(Status.ABANDONED, "Hearth.PlatformError", invocation, message)


def unstartable(invocation: Invocation) -> Outcome:
    """Return the Outcome of a synchronous Invocation that no worker can start a sandbox for."""
    message = "no worker can start functions now, as the Docker Engine does not answer; nothing is charged"
    return _unexecuted(Status.ABANDONED, "Hearth.EngineUnavailable", invocation, message)


def _unexecuted(status: Status, error_type: str, invocation: Invocation, message: str) -> Outcome:
    payload = json.dumps({"errorType": error_type, "errorMessage": _sentence(invocation, message)})
    return Outcome(status=status, payload=payload, error_type=error_type, executed=False)


def _text(error: str, name: str, most: int) -> str:
    """Return the beginning of a text in an error object, empty when there is none.

    User code may have posted anything in its place: no JSON, JSON too deep to read, halves of characters.
    """
    try:
        text = json.loads(error)[name]
    except (ValueError, RecursionError, LookupError, TypeError):
        return ""
    return text[:most].encode("utf-8", "replace").decode() if isinstance(text, str) else ""


def _unknown(invocation: Invocation, _: Ran) -> tuple[str, str]:
    return "Runtime.Unknown", _sentence(invocation, "the runtime gave no error object")


def _too_large(_: Invocation, ran: Ran) -> tuple[str, str]:
    message = f"Response payload size ({ran.end.size} bytes) exceeded maximum allowed payload size"
    return "Function.ResponseSizeTooLarge", f"{message} ({MAX_ANSWER_BYTES} bytes)."


def _died(invocation: Invocation, ran: Ran) -> tuple[str, str]:
    error_type = "Runtime.OutOfMemory" if ran.oom_killed else "Runtime.ExitError"
    return error_type, _sentence(invocation, ran.exit_reason)


def _timed_out(invocation: Invocation, ran: Ran) -> tuple[str, str]:
    if ran.run_us:
        message = f"Task timed out after {invocation.version.timeout_s:.2f} seconds"
    else:
        message = "the function was not ready for its first event within the time allowed for a start"
    return "Sandbox.Timedout", _sentence(invocation, message)


def _sentence(invocation: Invocation, message: str) -> str:
    return f"RequestId: {invocation.invocation_id} Error: {message}"


#: Ends for which the runtime sends an error object.
_REPORTED = {How.FAILED, How.INIT_FAILED}
#: The error type and the message of every other end.
_DESCRIPTIONS: dict[How, Callable[[Invocation, Ran], tuple[str, str]]] = {
    How.FAILED: _unknown,
    How.INIT_FAILED: _unknown,
    How.TOO_LARGE: _too_large,
    How.DIED: _died,
    How.TIMED_OUT: _timed_out,
}
