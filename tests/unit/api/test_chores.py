"""What is to be done every minute, each apart."""

import logging

import pytest
from chalicelib.operations.chores import Chores


def test_every_job_is_done_in_order_whatever_the_others_do(caplog: pytest.LogCaptureFixture) -> None:
    done: list[str] = []

    def job(name: str, count: int) -> int:
        done.append(name)
        return count // count if name == "b" else count

    with caplog.at_level(logging.INFO):
        Chores({"a": lambda: job("a", 2), "b": lambda: job("b", 0), "c": lambda: job("c", 0)}).run()

    assert done == ["a", "b", "c"]
    logged = [(vars(one)["action"], vars(one)["chore"], bool(one.exc_info)) for one in caplog.records]
    assert logged == [("chore_done", "a", False), ("chore_failed", "b", True)]
