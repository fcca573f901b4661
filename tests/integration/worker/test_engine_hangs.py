"""Real sandboxes while their Docker Engine takes every call and answers none."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders import version, zip_of
from tests.hanging_engine import HangingEngine, hanging_engine
from tests.integration.worker.conftest import TidySandboxes
from tests.integration.worker.driving import HELLO, run, start
from worker_agent.errors import EngineUnavailableError
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.runtime_api import How

pytestmark = pytest.mark.docker

#: Longer than a ping is waited for, far shorter than any other call.
SOON_S = 3 * engine.PING_TIMEOUT_S


@pytest.fixture
def between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingEngine]:
    with hanging_engine(tmp_path / "engine.sock") as hanging:
        monkeypatch.setenv("DOCKER_HOST", hanging.address)
        yield hanging


@pytest.fixture
def behind(between: HangingEngine) -> Iterator[TidySandboxes]:
    """Sandboxes of an engine that may hang; it recovers before they are removed."""
    patient, impatient = engine.connect(), engine.connect(engine.PING_TIMEOUT_S)
    tidy = TidySandboxes(engine.Engine(patient, impatient))
    yield tidy
    between.recover()
    for sandbox in tidy.made:
        sandbox.destroy("the test is over")
    tidy.close()
    patient.close()
    impatient.close()


def test_what_runs_goes_on_a_stem_becomes_a_function_and_a_new_one_is_given_up_soon(
    behind: TidySandboxes, between: HangingEngine
) -> None:
    warm, stem, code = start(behind), behind.make_stem("python3.11"), zip_of(main=HELLO)
    between.hang()

    assert run(warm).end.how is How.ANSWERED
    became = stem.become(version(code), code)
    behind.made.append(became)
    assert run(became).end.how is How.ANSWERED
    began = time.monotonic()
    with pytest.raises(EngineUnavailableError, match="failed to ping"):
        behind.make_stem("python3.11")
    assert time.monotonic() - began < SOON_S


def test_who_ends_does_not_wait_for_it_however_many_sandboxes_are_left_to_remove(
    behind: TidySandboxes, between: HangingEngine
) -> None:
    dead = [start(behind) for _ in range(3)]
    between.hang()
    for sandbox in dead:
        sandbox.destroy("test")

    began = time.monotonic()
    with pytest.raises(EngineUnavailableError):
        behind.close()

    assert time.monotonic() - began < SOON_S
    between.recover()
    assert behind.close() >= 2  # the removal that was under way may have come through
