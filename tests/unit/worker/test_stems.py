"""Stems kept ready, made of nothing real."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes import FakeSandboxes, FakeStem
from tests.waiting import eventually
from worker_agent.errors import EngineUnavailableError
from worker_agent.pool.slots import SandboxRequest, Slot
from worker_agent.pool.stems import MAKERS, Stems
from worker_agent.sandboxes.sandbox import Stem


@pytest.fixture
def sandboxes() -> FakeSandboxes:
    return FakeSandboxes()


@pytest.fixture
def stems(sandboxes: FakeSandboxes) -> Iterator[Stems]:
    kept = Stems(sandboxes, {"a": 2, "b": 1})
    yield kept
    kept.stop()


def take(stems: Stems, runtime: str) -> Stem:
    taken: Stem | Slot = stems.take(runtime, SandboxRequest())
    assert not isinstance(taken, Slot)
    return taken


def fake(stem: object) -> FakeStem:
    assert isinstance(stem, FakeStem)
    return stem


def test_as_many_as_wanted_are_made_ready_and_one_that_is_taken_is_replaced(
    stems: Stems, sandboxes: FakeSandboxes
) -> None:
    stems.start()
    eventually(lambda: stems.count() == {"a": 2, "b": 1})

    taken = fake(take(stems, "a"))

    assert taken is sandboxes.stems[0]
    eventually(lambda: stems.count() == {"a": 2, "b": 1})
    assert (stems.missed, stems.takers()) == (0, {("a", True): 1})
    assert stems.has("a")


def test_a_request_that_finds_no_stem_ready_has_one_started_and_is_counted(stems: Stems) -> None:
    first = take(stems, "a")

    assert first.runtime == "a"
    assert (stems.missed, stems.takers()) == (1, {("a", False): 1})
    assert not stems.has("a")


class Held(FakeSandboxes):
    """An engine that makes nothing before it is told to; `asked` counts."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)
        self.makes = threading.Semaphore(0)

    def make_stem(self, runtime: str) -> FakeStem:
        self.asked.release()
        assert self.makes.acquire(timeout=10)
        return super().make_stem(runtime)


def test_a_few_are_made_at_once_and_the_tenant_with_the_fewest_waiting_has_the_next() -> None:
    engine = Held()
    stems = Stems(engine, {})
    flood, quiet = [SandboxRequest("loud") for _ in range(MAKERS + 5)], SandboxRequest("quiet")
    with ThreadPoolExecutor(50) as takers:
        taken = [takers.submit(stems.take, "a", one) for one in flood]
        assert all(engine.asked.acquire(timeout=10) for _ in range(MAKERS))
        assert not engine.asked.acquire(timeout=0.05)
        last = takers.submit(stems.take, "a", quiet)
        eventually(lambda: len(stems._waiting["a"]) == len(flood) + 1)

        engine.makes.release()

        assert last.result(10) is engine.stems[0]
        engine.makes.release(len(flood))
        assert {id(one.result(10)) for one in taken} == {id(stem) for stem in engine.stems[1:]}
    stems.stop()


def test_nothing_is_started_for_a_request_that_was_fulfilled_otherwise() -> None:
    engine, slot = Held(), Slot()
    stems = Stems(engine, {})
    wanted = [SandboxRequest("t") for _ in range(MAKERS + 5)]
    with ThreadPoolExecutor(50) as takers:
        taken = [takers.submit(stems.take, "a", one) for one in wanted]
        assert all(engine.asked.acquire(timeout=10) for _ in range(MAKERS))
        assert all(one.offer(slot) for one in wanted)
        assert all(one.result(10) is slot for one in taken)
        engine.makes.release(100)
    eventually(lambda: stems.count() == {"a": MAKERS})
    stems.stop()

    assert (len(engine.stems), stems.takers()) == (MAKERS, {})


def test_a_request_that_waits_when_the_agent_stops_fails() -> None:
    engine = Held()
    stems = Stems(engine, {})
    with ThreadPoolExecutor(50) as takers:
        taken = [takers.submit(stems.take, "a", SandboxRequest("t")) for _ in range(MAKERS + 2)]
        assert all(engine.asked.acquire(timeout=10) for _ in range(MAKERS))
        engine.makes.release(MAKERS)
        eventually(lambda: len(engine.stems) == MAKERS)
        stopping = takers.submit(stems.stop)
        engine.makes.release(2)
        stopping.result(10)
        errors = [one.exception(10) for one in taken]
    assert all(error is None or "stops" in str(error) for error in errors)


def test_a_request_after_the_agent_stopped_fails_at_once(stems: Stems) -> None:
    stems.stop()

    with pytest.raises(EngineUnavailableError, match="the agent stops"):
        stems.take("a", SandboxRequest("t"))


def test_a_stem_that_died_before_it_was_taken_is_not_used(stems: Stems, sandboxes: FakeSandboxes) -> None:
    stems.start()
    eventually(lambda: stems.count() == {"a": 2, "b": 1})
    dead = next(stem for stem in sandboxes.stems if stem.runtime == "b")
    dead.living = False

    taken = fake(take(stems, "b"))

    assert taken is not dead
    assert dead.destroyed


def test_without_an_engine_a_request_fails_and_the_thread_tries_again(
    stems: Stems, sandboxes: FakeSandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.pool.stems.PAUSE_S", 0.01)
    sandboxes.down.set()
    stems.start()

    with pytest.raises(EngineUnavailableError):
        take(stems, "a")
    sandboxes.down.clear()

    eventually(lambda: stems.count() == {"a": 2, "b": 1})


def test_a_runtime_that_cannot_be_had_keeps_no_other_from_being_ready() -> None:
    class Half(FakeSandboxes):
        def make_stem(self, runtime: str) -> FakeStem:
            if runtime == "a":
                raise EngineUnavailableError("no image")
            return super().make_stem(runtime)

    stems = Stems(Half(), {"a": 1, "b": 1})
    stems.start()
    eventually(lambda: stems.count().get("b") == 1)
    stems.stop()


def test_stopping_ends_those_that_are_ready(stems: Stems, sandboxes: FakeSandboxes) -> None:
    stems.start()
    eventually(lambda: stems.count() == {"a": 2, "b": 1})

    stems.stop()

    assert [stem.destroyed for stem in sandboxes.stems] == [True] * 3
