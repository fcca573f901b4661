"""Background threads: what they do about errors that nobody foresaw, and that there are no others."""

import ast
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.unit.worker.failing_threads import THREADS, Failing, hurry
from worker_agent import threads
from worker_agent.threads import EXIT_CODE, MOST_FAILURES, Jobs, Loop, in_own_thread

#: What starts a thread, in the standard library.
MAKERS = {"Thread", "Timer", "ThreadPoolExecutor", "start_new_thread"}
#: The one module that may use these.
HELPER = ROOT / "worker_agent" / "threads.py"


class EndedError(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads that ended the process; here they end themselves instead."""
    found: list[str] = []

    def end(thread: str, _: BaseException) -> None:
        found.append(thread)
        raise EndedError

    monkeypatch.setattr(threads, "end_process", end)
    return found


@pytest.mark.parametrize("name", THREADS)
def test_a_thread_outlives_one_unforeseen_error_and_counts_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch.setattr)
    fails, before = Failing(1), threads.failures().get(name, 0)
    start, stop = THREADS[name](fails)

    start()
    recovered = fails.recovered.wait(60)
    stop()

    assert recovered
    assert threads.failures()[name] == before + 1


@pytest.mark.parametrize("name", THREADS)
def test_a_thread_that_cannot_go_on_ends_the_process_after_a_clear_line(name: str) -> None:
    command = [sys.executable, "-m", "tests.unit.worker.failing_threads", name]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == EXIT_CODE, done.stderr
    lines = done.stderr.splitlines()
    assert sum('"thread_failed"' in line and "nobody foresaw this" in line for line in lines) == MOST_FAILURES
    assert f"thread {name} cannot go on" in lines[-1]
    assert "Traceback" in lines[-1]


def test_a_turn_that_succeeds_begins_the_count_anew(monkeypatch: pytest.MonkeyPatch, ends: list[str]) -> None:
    monkeypatch.setattr(threads, "FIRST_PAUSE_S", 0)
    turns = iter([*range(MOST_FAILURES - 1), None, *range(MOST_FAILURES - 1), None])

    def turn() -> None:
        number = next(turns, "over")
        if number == "over":
            loop.stop()
        elif number is not None:
            raise ValueError(number)

    loop = Loop("test", turn)
    loop.run()

    assert ends == []


def test_pauses_double_up_to_the_longest(monkeypatch: pytest.MonkeyPatch, ends: list[str]) -> None:
    loop, pauses = Loop("test", Failing(MOST_FAILURES)), list[float]()
    monkeypatch.setattr(loop, "wait", pauses.append)

    with pytest.raises(EndedError):
        loop.run()

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert ends == ["test"]


def test_what_is_no_ordinary_error_ends_the_process_at_once(ends: list[str]) -> None:
    def turn() -> None:
        raise SystemExit(0)

    with pytest.raises(EndedError):
        Loop("test", turn).run()

    assert ends == ["test"]


def test_a_stop_cuts_the_pause_after_an_error_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "FIRST_PAUSE_S", 600)
    failed = threading.Event()

    def turn() -> None:
        failed.set()
        raise ValueError

    loop = Loop("test", turn)
    loop.start()
    assert failed.wait(10)
    loop.stop()

    assert loop.join(10)


def test_a_jobs_error_is_counted_even_if_nobody_looks_at_its_future() -> None:
    before = threads.failures().get("test-jobs", 0)
    with Jobs("test-jobs", 1) as jobs:
        jobs.submit(Failing(1))
        assert jobs.submit(lambda: 7).result() == 7

    assert threads.failures()["test-jobs"] == before + 1


def test_a_job_that_raises_what_is_no_ordinary_error_ends_the_process(ends: list[str]) -> None:
    def job() -> None:
        raise SystemExit(0)

    with Jobs("test-jobs", 1) as jobs:
        jobs.submit(job)

    assert ends == ["test-jobs"]


def test_what_an_act_in_its_own_thread_returns_or_raises_is_the_callers() -> None:
    assert in_own_thread("test", threading.get_ident) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        in_own_thread("test", lambda: 1 / 0)


def makers_in(path: Path) -> Iterator[str]:
    """Every line on which a file names something that starts a thread."""
    for node in ast.walk(ast.parse(path.read_text())):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
        if name in MAKERS and isinstance(getattr(node, "ctx", None), ast.Load):
            yield f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]


def test_the_walk_finds_a_thread() -> None:
    assert list(makers_in(HELPER))


@pytest.mark.parametrize("half", ["worker_agent", "shared_lua", "api/chalicelib", "local"])
def test_no_thread_is_made_but_by_the_helper(half: str) -> None:
    found = [line for path in sorted((ROOT / half).rglob("*.py")) if path != HELPER for line in makers_in(path)]

    assert found == []
