"""One at a time, within bounds."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from chalicelib.turn import Turn


def test_one_at_a_time_has_the_turn() -> None:
    turn, under_way, most = Turn(60), [0], [0]

    def work() -> None:
        with turn.taken():
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
            threading.Event().wait(0.01)
            under_way[0] -= 1

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(work) for _ in range(8)]:
            done.result(60)

    assert most == [1]


def test_who_has_waited_long_enough_goes_on_beside_and_takes_nobodys_turn_away() -> None:
    turn = Turn(0.01)
    with turn.taken():
        with turn.taken():
            pass
        assert turn._lock.locked()
    assert not turn._lock.locked()


def test_an_error_ends_the_turn() -> None:
    turn = Turn(60)
    with pytest.raises(KeyError), turn.taken():
        raise KeyError
    with turn.taken():
        assert turn._lock.locked()
