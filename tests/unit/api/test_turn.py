"""A few at a time, in order, within bounds."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from chalicelib.storage.throttle import Throttle, Throttles

from tests.waiting import eventually


@pytest.mark.parametrize("places", [1, 3])
def test_as_many_as_there_are_places_are_at_it(places: int) -> None:
    turn, lock, under_way, most = Throttle(places, 60), threading.Lock(), [0], [0]

    def work() -> None:
        with turn.taken():
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            threading.Event().wait(0.02)
            with lock:
                under_way[0] -= 1

    with ThreadPoolExecutor(12) as threads:
        for done in [threads.submit(work) for _ in range(12)]:
            done.result(60)

    assert most == [places]


def test_the_turn_goes_round_in_the_order_of_asking() -> None:
    turn, order = Throttle(1, 60), list[int]()

    def work(number: int) -> None:
        with turn.taken():
            order.append(number)

    with ThreadPoolExecutor(5) as threads, turn.taken():
        for number in range(5):
            threads.submit(work, number)
            eventually(partial(is_waited_for_by, turn, number + 1))

    assert order == [0, 1, 2, 3, 4]


def test_who_has_waited_long_enough_goes_on_beside_and_takes_nobodys_turn_away() -> None:
    turn = Throttle(1, 0.01)
    with turn.taken():
        with ThreadPoolExecutor(1) as threads:
            threads.submit(pass_through, turn).result(60)
        assert (turn._free, len(turn._waiting)) == (0, 0)
    assert turn._free == 1


def test_who_gives_it_up_lets_the_next_in_and_gives_it_up_once() -> None:
    turn = Throttle(1, 60)
    with turn.taken():
        turn.give_up()
        with ThreadPoolExecutor(1) as threads:
            threads.submit(pass_through, turn).result(10)
        turn.give_up()
    assert turn._free == 1
    turn.give_up()
    assert turn._free == 1


def test_an_error_ends_the_turn() -> None:
    turn = Throttle(1, 60)
    with pytest.raises(KeyError), turn.taken():
        raise KeyError
    assert turn._free == 1


def test_who_looks_up_lets_the_next_one_to_the_admission() -> None:
    throttles = Throttles(admission=Throttle(1, 60), look_up=Throttle(1, 60))

    with throttles.admission.taken(), throttles.looking_up(), ThreadPoolExecutor(1) as threads:
        threads.submit(pass_through, throttles.admission).result(20)
        second = threads.submit(pass_through, throttles.look_up)
        eventually(lambda: is_waited_for_by(throttles.look_up, 1))
        assert not second.done()
        throttles.look_up.give_up()
        second.result(20)


def is_waited_for_by(turn: Throttle, threads: int) -> bool:
    return len(turn._waiting) == threads


def pass_through(turn: Throttle) -> None:
    with turn.taken():
        pass
