"""Spreads the tests over processes with pytest-xdist: what stays together, what begins first, how all are stopped."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

#: Fixtures that take many seconds to make, and the group of the tests that share them: a group stays in one process.
GROUPS: Mapping[str, str] = {
    "stack": "stack",
    "limited": "limited stack",
    "plain": "deployment",
    "handling": "deployment",
    "template": "deployment",
    "clone": "clone",
}

#: What takes long begins first, by group, marker or folder: at the end it would run alone, and the other cores be idle.
ORDER = (
    "stack",
    "deployment",
    "clone",
    "limited stack",
    "e2e",
    "tests/e2e",
    "docker",
    "tests/integration",
    "tests/unit",
)

#: How long a process may take to remove what its tests have made. A stack needs about ten seconds.
CLEAN_UP_S = 120.0

_others: list[Any] = []


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give the number of processes for `-n auto`: more than there are cores, as many tests wait for containers."""
    return len(os.sched_getaffinity(0)) + 2


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for group in {GROUPS[name] for name in getattr(item, "fixturenames", ()) if name in GROUPS}:
            item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    known = {mark.name for mark in item.iter_markers()}
    known |= {str(mark.args[0]) for mark in item.iter_markers("xdist_group")}
    known.add("/".join(item.nodeid.split("/")[:2]))
    return min((place for place, name in enumerate(ORDER) if name in known), default=len(ORDER))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Remember the process that xdist has started."""
    _others.append(node)


def leave_ctrl_c_to_the_first_process(config: pytest.Config) -> None:
    """Take a process that xdist has started out of reach of the terminal: a second SIGINT would cut its clean-up."""
    if hasattr(config, "workerinput"):
        os.setsid()


@pytest.hookimpl(tryfirst=True)
def pytest_keyboard_interrupt() -> None:
    """Stop the other processes and wait until each has removed what its tests have made; a second Ctrl-C is ignored.

    xdist alone would kill them after ten seconds, and their stacks, containers and folders would stay.
    """
    signal.signal(signal.SIGINT, lambda *_: None)
    for node in _others:
        with suppress(ProcessLookupError):
            os.kill(node.gateway._rinfo().pid, signal.SIGINT)
    for node in _others:
        with suppress(node.channel.RemoteError, node.channel.TimeoutError, EOFError):
            node.channel.waitclose(CLEAN_UP_S)
