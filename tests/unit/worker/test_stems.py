"""Stems kept ready, made of nothing real."""

from collections.abc import Iterator

import pytest

from tests.fakes import FakeSandboxes, FakeStem
from tests.waiting import eventually
from worker_agent.errors import EngineUnavailableError
from worker_agent.stems import Stems


@pytest.fixture
def sandboxes() -> FakeSandboxes:
    return FakeSandboxes()


@pytest.fixture
def stems(sandboxes: FakeSandboxes) -> Iterator[Stems]:
    kept = Stems(sandboxes, {"a": 2, "b": 1})
    yield kept
    kept.stop()


def fake(stem: object) -> FakeStem:
    assert isinstance(stem, FakeStem)
    return stem


def test_as_many_as_wanted_are_made_ready_and_one_that_is_taken_is_replaced(
    stems: Stems, sandboxes: FakeSandboxes
) -> None:
    stems.start()
    eventually(lambda: stems.count() == {"a": 2, "b": 1})

    taken = fake(stems.take("a"))

    assert taken is sandboxes.stems[0]
    eventually(lambda: stems.count() == {"a": 2, "b": 1})
    assert (stems.missed, stems.takers()) == (0, {("a", True): 1})
    assert stems.has("a")


def test_who_finds_none_makes_one_and_is_counted(stems: Stems) -> None:
    first = stems.take("a")

    assert first.runtime == "a"
    assert (stems.missed, stems.takers()) == (1, {("a", False): 1})
    assert not stems.has("a")


def test_one_that_died_while_it_waited_is_not_given(stems: Stems, sandboxes: FakeSandboxes) -> None:
    stems.start()
    eventually(lambda: stems.count() == {"a": 2, "b": 1})
    dead = next(stem for stem in sandboxes.stems if stem.runtime == "b")
    dead.living = False

    taken = fake(stems.take("b"))

    assert taken is not dead
    assert dead.destroyed


def test_without_an_engine_the_taker_hears_of_it_and_the_keeper_tries_again(
    stems: Stems, sandboxes: FakeSandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker_agent.stems.PAUSE_S", 0.01)
    sandboxes.down.set()
    stems.start()

    with pytest.raises(EngineUnavailableError):
        stems.take("a")
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
