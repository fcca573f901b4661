"""How an end is told, in Lambda's words."""

import json

import pytest

from shared_lua.contract import Status
from tests.builders import invocation, ran, version
from worker_agent.runs import outcomes
from worker_agent.sandboxes.runtime_api import End, How
from worker_agent.sandboxes.sandbox import Ran


def told(of: Ran) -> dict[str, str]:
    payload, error_type = outcomes.answer_or_error(invocation(version=version(timeout_s=1)), of)
    error: dict[str, str] = json.loads(payload)
    assert error["errorType"] == error_type
    return error


def test_an_answer_is_untouched() -> None:
    assert outcomes.answer_or_error(invocation(), ran(payload=b'{"a": 1}')) == ('{"a": 1}', None)


def test_a_timeout_names_the_limit() -> None:
    assert told(ran(How.TIMED_OUT)) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": "RequestId: i-1 Error: Task timed out after 1.00 seconds",
    }


def test_a_start_that_takes_too_long_is_told_apart_from_a_run() -> None:
    assert "not ready" in told(ran(How.TIMED_OUT, run_us=0))["errorMessage"]


@pytest.mark.parametrize(("oom", "kind"), [(True, "Runtime.OutOfMemory"), (False, "Runtime.ExitError")])
def test_a_death_is_told_with_its_reason(oom: bool, kind: str) -> None:
    error = told(ran(How.DIED, oom_killed=oom, exit_reason="Runtime exited with error: exit status 3"))

    assert error["errorType"] == kind
    assert error["errorMessage"].endswith("Error: Runtime exited with error: exit status 3")


def test_an_answer_too_large_is_told_with_its_size() -> None:
    error = told(ran(end=End(How.TOO_LARGE, size=7_000_000)))

    assert error["errorType"] == "Function.ResponseSizeTooLarge"
    assert "(7000000 bytes)" in error["errorMessage"]


@pytest.mark.parametrize("how", [How.FAILED, How.INIT_FAILED])
def test_the_runtimes_error_object_is_handed_on(how: How) -> None:
    error = {"errorType": "ValueError", "errorMessage": "no", "stackTrace": ["x"]}

    assert told(ran(how, json.dumps(error).encode())) == error


RUBBISH = [b"", b"\xff", b"[]", b'"x"', b'{"errorType": 5}', b'{"errorType": ""}', b"{", b"[" * 100_000]


@pytest.mark.parametrize("rubbish", RUBBISH, ids=range(len(RUBBISH)))
def test_rubbish_in_place_of_an_error_object_still_ends_in_one(rubbish: bytes) -> None:
    assert told(ran(How.FAILED, rubbish))["errorType"] == "Runtime.Unknown"


def test_an_error_type_that_no_record_could_hold_is_cut_down_to_one_that_it_can() -> None:
    error = b'{"errorType": "\\ud800' + b"x" * 1_000_000 + b'"}'

    payload, error_type = outcomes.answer_or_error(invocation(), ran(How.FAILED, error))

    assert (payload, error_type) == (error.decode(), "?" + "x" * (outcomes.TYPE_CHARS - 1))


@pytest.mark.parametrize(
    ("error", "message"),
    [('{"errorMessage": "a\\udfff"}', "a?"), ("{}", ""), ('{"errorMessage": [1]}', ""), ("1", ""), ("[" * 100_000, "")],
    ids=range(5),
)
def test_a_message_is_read_from_whatever_user_code_made(error: str, message: str) -> None:
    assert outcomes.message_of(error) == message


def test_what_never_ran_says_so_and_why() -> None:
    late, given_up = outcomes.expired(invocation(), 1), outcomes.abandoned(invocation(), 5)

    assert (late.status, late.executed) == (Status.EXPIRED, False)
    assert "waited longer than 60 s" in str(late.payload)
    assert "not started again" in str(outcomes.expired(invocation(), 2).payload)
    assert (given_up.status, given_up.executed) == (Status.ABANDONED, False)
    assert "5 attempts" in str(given_up.payload)
