"""A worker that is killed by kill -9 while callers wait: no answer is lost, and nothing is billed twice."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

from tests.e2e.conftest import Answer, Stack
from tests.waiting import eventually

FUNCTION = "killed"
#: As the load test's capacity: callers who think for a moment between two calls of half a second each.
RUN_S = 0.5
SOURCE = f"import time\ndef handler(event, context):\n    time.sleep({RUN_S})\n    return event['n']\n"
CALLERS, THINK_S = 12, 0.3
#: What may be said before a call is let in, while no worker is there: it was never run.
REFUSED = {429, 503}


@dataclass
class Call:
    number: int
    began_s: float
    answer: Answer
    ended_s: float


@dataclass
class Callers:
    stack: Stack
    ended: Event = field(default_factory=Event)

    def calls(self, caller: int) -> Iterator[Call]:
        """Call again and again until told to end; each call has an event of its own."""
        number = caller
        while not self.ended.is_set():
            began_s = time.monotonic()
            answer = self.stack.invoke(FUNCTION, {"n": number})
            yield Call(number, began_s, answer, time.monotonic())
            number += CALLERS
            self.ended.wait(THINK_S)


def test_a_worker_killed_under_load_loses_no_answer_and_doubles_no_bill(stack: Stack) -> None:
    stack.deploy(FUNCTION, SOURCE, timeout_s=5)
    callers = Callers(stack)
    with ThreadPoolExecutor(CALLERS) as threads:
        under_way = [threads.submit(list, callers.calls(one)) for one in range(CALLERS)]
        time.sleep(4)
        agent, killed_s = stack.child("worker_agent"), time.monotonic()
        os.kill(agent, signal.SIGKILL)
        assert eventually(lambda: stack.child("worker_agent") != agent)
        time.sleep(8)
        callers.ended.set()
        calls = [call for one in under_way for call in one.result(timeout=60)]

    said = Counter(call.answer.status for call in calls)
    assert set(said) <= {200, 202} | REFUSED, said
    caught = [call for call in calls if call.began_s < killed_s < call.ended_s]
    assert max(call.ended_s - killed_s for call in caught) > RUN_S  # it began anew, with the next worker
    assert {call.answer.status for call in caught} == {200}
    let_in = [call for call in calls if call.answer.status not in REFUSED]
    records = {call.number: stack.record(call.answer.headers["x-hearth-invocation-id"]) for call in let_in}
    assert [(one["status"], one["outcome"]["payload"]) for one in records.values()] == [
        ("succeeded", number) for number in records
    ]
    assert [call.answer.json() for call in calls if call.answer.status == 200] == [
        call.number for call in calls if call.answer.status == 200
    ]
    # Records that the dead worker had not written are in the sums once another has found them.
    rows = stack.billed(FUNCTION, len(let_in))
    assert sum(row["invocations"] for row in rows) == len(let_in)
    assert sum(row["charge_pico_usd"] for row in rows) == sum(
        one["charge"]["total_pico_usd"] for one in records.values()
    )
