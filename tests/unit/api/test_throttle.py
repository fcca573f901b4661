"""A few threads at a time, in order, with patience."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from chalicelib.storage.throttle import Throttle, ThrottleByKey
from chalicelib.storage.throttled_client import ThrottledClient

from tests.waiting import eventually


@pytest.mark.parametrize("permits", [1, 3])
def test_as_many_threads_work_at_once_as_there_are_permits(permits: int) -> None:
    throttle, lock, under_way, most = Throttle(permits, 60), threading.Lock(), [0], [0]

    def work() -> None:
        with throttle.taken():
            with lock:
                under_way[0] += 1
                most[0] = max(most[0], under_way[0])
            threading.Event().wait(0.02)
            with lock:
                under_way[0] -= 1

    with ThreadPoolExecutor(12) as threads:
        for done in [threads.submit(work) for _ in range(12)]:
            done.result(60)

    assert most == [permits]


def test_permits_go_round_in_the_order_of_asking() -> None:
    throttle, order = Throttle(1, 60), list[int]()

    def work(number: int) -> None:
        with throttle.taken():
            order.append(number)

    with ThreadPoolExecutor(5) as threads, throttle.taken():
        for number in range(5):
            threads.submit(work, number)
            eventually(partial(is_waited_for_by, throttle, number + 1))

    assert order == [0, 1, 2, 3, 4]


def test_a_thread_out_of_patience_goes_on_and_takes_no_permit() -> None:
    throttle = Throttle(1, 0.01)
    with throttle.taken():
        with ThreadPoolExecutor(1) as threads:
            threads.submit(pass_through, throttle).result(60)
        assert (throttle._free, len(throttle._waiting)) == (0, 0)
    assert throttle._free == 1


def test_an_error_gives_the_permit_back() -> None:
    throttle = Throttle(1, 60)
    with pytest.raises(KeyError), throttle.taken():
        raise KeyError
    assert throttle._free == 1


def test_keys_wait_for_themselves_alone_and_are_forgotten_afterwards() -> None:
    throttle = ThrottleByKey(60)

    def pass_through_key(key: str) -> None:
        with throttle.taken(key):
            pass

    with ThreadPoolExecutor(2) as threads:
        with throttle.taken("a"):
            same = threads.submit(pass_through_key, "a")
            eventually(lambda: is_waited_for_by(throttle._throttles["a"], 1))
            threads.submit(pass_through_key, "b").result(20)
            assert not same.done()
        same.result(20)

    assert (throttle._throttles, throttle._threads) == ({}, {})


class Client:
    """Stands for a botocore client."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def get_item(self, **arguments: str) -> str:
        self.asked.append(arguments)
        return "item"

    def query(self) -> str:
        return "items"


def test_a_throttled_operation_waits_for_its_permit_and_the_others_do_not() -> None:
    client, throttle = Client(), Throttle(1, 60)
    throttled = ThrottledClient(client, {"get_item": throttle})

    with ThreadPoolExecutor(1) as threads:
        with throttle.taken():
            read = threads.submit(throttled.get_item, TableName="t")
            eventually(lambda: is_waited_for_by(throttle, 1))
            assert (throttled.query(), client.asked) == ("items", [])
        assert read.result(20) == "item"

    assert client.asked == [{"TableName": "t"}]


def is_waited_for_by(throttle: Throttle, threads: int) -> bool:
    return len(throttle._waiting) == threads


def pass_through(throttle: Throttle) -> None:
    with throttle.taken():
        pass
