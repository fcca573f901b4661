"""What the record says of a start, with sandboxes that only remember."""

import time
from typing import Any

import pytest

from shared_lua.codec import encode
from shared_lua.contract import Settlement, Status, Version
from tests.builders import invocation, ran, version, zip_of
from tests.fakes import FakeSandbox, FakeSandboxes, FakeStem
from worker_agent.errors import SandboxGoneError
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.runs.billing import Prices
from worker_agent.runs.execute import Executor
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import Started, StartFailed

CODE = zip_of(main="def handler(e, c): pass")
SLOW_S = 0.05
#: What a fake takes to become a function.
OWN_US = 120_000


class Slow(FakeSandboxes):
    """An engine that takes its time over a container."""

    def make_stem(self, runtime: str) -> FakeStem:
        time.sleep(SLOW_S)
        return super().make_stem(runtime)


def slow_fetch(_: str) -> bytes:
    time.sleep(SLOW_S)
    return CODE


def ended(executor: Executor) -> Settlement:
    return executor.execute(invocation(version=version(CODE)), b"{}", 0, 1)


def executor(sandboxes: FakeSandboxes, *, slowly: bool = False, **prices: bool) -> Executor:
    fetch = slow_fetch if slowly else lambda _: CODE
    return Executor(Pool(2, 4096), Stems(sandboxes, {}), fetch, Prices(16_666_700, 200_000, 1000, **prices))


@pytest.mark.parametrize(
    ("sandboxes", "slowly", "waits"), [(FakeSandboxes(), False, 0), (Slow(), False, 1), (Slow(), True, 2)]
)
def test_the_start_is_all_of_the_wait_the_containers_and_the_zips_included(
    sandboxes: FakeSandboxes, slowly: bool, waits: int
) -> None:
    began = time.monotonic()
    usage = ended(executor(sandboxes, slowly=slowly)).usage
    wall_us = (time.monotonic() - began) * 1_000_000

    assert usage
    assert waits * SLOW_S * 1_000_000 <= usage.start_us - OWN_US <= wall_us
    assert (usage.cold, usage.cpu_us, usage.cpu_system_us) == (True, 50_700, 9_100)


def test_a_warm_run_has_no_start() -> None:
    runs = executor(Slow())
    ended(runs)

    usage = ended(runs).usage

    assert usage
    assert (usage.cold, usage.start_us, usage.cpu_us, usage.cpu_system_us) == (False, 0, 700, 100)


def test_a_start_that_is_billed_is_the_functions_own_and_not_the_wait_for_a_container() -> None:
    charge = ended(executor(Slow(), slowly=True, bills_starts=True)).charge

    assert charge
    assert charge.billed_us == OWN_US + 2_000  # the run's 1.5 ms, rounded up


class Hostile(FakeStem):
    """A Stem whose function tells of its own start what it likes."""

    said = b""

    def become(self, version: Version, code: bytes, *_: Any) -> FakeSandbox:
        raise StartFailed(ran(How.INIT_FAILED, self.said, run_us=0), Started(5, 5))


@pytest.mark.parametrize(
    "said",
    [
        b'{"errorType": "x"}',
        b'{"errorType": "x", "errorMessage": "\\ud800"}',
        b"[" * 100_000,
        b'{"errorType": "\\ud800"}',
    ],
)
def test_whatever_a_function_says_of_its_start_it_ends_in_one_billed_record(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    sandboxes = FakeSandboxes()
    monkeypatch.setattr(Hostile, "said", said)
    monkeypatch.setattr(sandboxes, "make_stem", lambda runtime: Hostile(sandboxes, runtime))

    settlement = ended(executor(sandboxes))

    assert settlement.outcome.status is Status.FAILED
    assert settlement.charge
    assert encode(settlement).encode()


def test_a_function_that_dies_whenever_it_is_ready_ends_in_its_own_error_and_not_in_the_platforms() -> None:
    def gone(*_: Any) -> Any:
        raise SandboxGoneError("it died")

    sandboxes = FakeSandboxes(gone)

    settlement = ended(executor(sandboxes))

    assert (settlement.outcome.status, settlement.outcome.error_type) == (Status.FAILED, "Runtime.ExitError")
    assert "exited before it took its first event" in (settlement.outcome.payload or "")
    assert settlement.charge
    assert settlement.usage
    assert (settlement.usage.run_us, settlement.usage.cold, settlement.usage.complete) == (0, True, False)
    assert [sandbox.destroyed for sandbox in sandboxes.made] == [True]


def test_a_warm_sandbox_that_is_gone_is_followed_by_another_and_the_event_is_not_lost() -> None:
    sandboxes = FakeSandboxes()
    runs = executor(sandboxes)
    ended(runs)

    def gone(*_: Any) -> Any:
        raise SandboxGoneError("it died")

    sandboxes.made[0].behave = gone

    assert ended(runs).outcome.status is Status.SUCCEEDED
    assert len(sandboxes.made) == 2
