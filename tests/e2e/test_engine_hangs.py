"""A Docker Engine that takes every call and answers none, under a whole stack: what is warm or ready goes on."""

import time
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import Stack
from tests.hanging_engine import HangingEngine
from tests.waiting import eventually
from worker_agent.sandboxes.engine import PING_TIMEOUT_S

pytestmark = pytest.mark.e2e

ECHO = "def handler(event, context):\n    return event['n']\n"


@pytest.fixture
def hanging(engine: HangingEngine) -> Iterator[HangingEngine]:
    """The engine of the stack that all share, which goes on after the test whatever becomes of it."""
    yield engine
    engine.recover()


def test_while_the_engine_hangs_warm_and_ready_sandboxes_serve_and_nobody_waits_in_vain(
    stack: Stack, hanging: HangingEngine
) -> None:
    for name in ("warm", "ready", "cold"):
        stack.deploy(name, ECHO)
    assert stack.invoke("warm", {"n": 0}).json() == 0
    eventually(lambda: stack.metric('hearth_worker_stems_ready{runtime="python3.11"}') == 1)

    hanging.hang()
    assert [stack.invoke("warm", {"n": n}).json() for n in range(5)] == list(range(5))
    assert stack.invoke("ready", {"n": 1}).json() == 1
    accepted = stack.invoke("cold", {"n": 2}, Prefer="respond-async")
    refusals, took_s = [], []
    for _ in range(3):
        began = time.monotonic()
        refusals.append(stack.invoke("cold", {"n": 3}))
        took_s.append(time.monotonic() - began)
    assert [stack.invoke(name, {"n": 4}).json() for name in ("warm", "ready")] == [4, 4]
    eventually(lambda: stack.metric("hearth_worker_deferred_total") >= 1)
    waiting = stack.call("GET", accepted.headers["location"]).json()
    hanging.recover()

    assert [refusal.status for refusal in refusals] == [503] * 3
    assert "the Docker Engine does not answer" in refusals[0].json()["error"]
    assert int(refusals[0].headers["retry-after"]) >= 1
    assert took_s[0] < 15, "found out within some seconds"
    assert min(took_s[1:]) < PING_TIMEOUT_S, "and known from then on, without another look"
    assert waiting["status"] in ("queued", "running")
    record = stack.record(accepted.headers["location"].removeprefix("/invocations/"))
    assert (record["status"], record["outcome"]["payload"], record["attempt"]) == ("succeeded", 2, 1)
    assert eventually(lambda: stack.invoke("cold", {"n": 5}).status == 200)
