"""One worker's share of what is to be kept warm, with sandboxes that only remember and a Redis that is a list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from shared_lua.contract import Held, Provision, Version
from tests.builders import ran, version
from tests.fakes import FakeSandbox, fake_start
from worker_agent.errors import EngineUnavailableError, RedisUnavailableError
from worker_agent.lanes.provisioning import RETRY_S, Provisioning
from worker_agent.pool.slots import Pool, SandboxRequest
from worker_agent.sandboxes.runtime_api import How
from worker_agent.sandboxes.sandbox import Started, StartFailed

OF, OTHER = version(number="1"), version(version_id="other", function="other", number="1")


@dataclass
class Board:
    """What Redis would hold; a worker among others."""

    requests: list[Provision] = field(default_factory=list)
    told: Mapping[Any, Held] = field(default_factory=dict)
    worker: str = "b|8"
    others: set[str] = field(default_factory=set)
    down: bool = False

    def provisions(self) -> list[Provision]:
        if self.down:
            raise RedisUnavailableError("Redis failed")
        return self.requests

    def tell_held(self, worker: str, held: Mapping[Any, Held], for_ms: int) -> None:
        assert worker == self.worker
        self.told = {key[2]: one for key, one in held.items()}

    def able(self) -> set[str]:
        return self.others | {self.worker}


@dataclass
class World:
    """A worker with a pool, a clock, and starts that can be made to fail."""

    slots: int = 8
    board: Board = field(default_factory=Board)
    started: list[FakeSandbox] = field(default_factory=list)
    failure: Exception | None = None
    dies: bool = False
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.pool = Pool(self.slots, 10_000)
        board: Any = self.board
        self.provisioning = Provisioning(
            redis_adapter=board, heartbeat=board, pool=self.pool, start=self.start, monotonic_s=lambda: self.now_s
        )

    def start(self, of: Version, _: SandboxRequest) -> FakeSandbox:
        if self.failure:
            raise self.failure
        self.started.append(FakeSandbox(of, usable=not self.dies))
        return self.started[-1]

    def turn(self, *requests: Provision) -> Mapping[Any, Held]:
        self.board.requests = list(requests)
        self.provisioning.turn()
        return self.board.told


def used(pool: Pool, of: Version) -> None:
    with pool.lease(of, lambda request: fake_start(of, request)):
        pass


def request(of: Version, wanted: int) -> Provision:
    return Provision(version=of, wanted=wanted)


def does_not_start() -> StartFailed:
    return StartFailed(ran(How.INIT_FAILED, b'{"errorMessage": "no module named x"}'), Started(1, 1))


def test_what_is_wanted_is_started_once_and_told() -> None:
    world = World()

    for _ in range(2):
        assert world.turn(request(OF, 2)) == {OF.version_id: Held(held=2, idle=2)}

    assert [one.version for one in world.started] == [OF, OF]
    assert world.pool.held(OF) == (2, 2)


@pytest.mark.parametrize(("worker", "share"), [("a|8", 3), ("b|8", 2), ("c|8", 2)])
def test_seven_permits_of_three_workers_are_three_two_and_two(worker: str, share: int) -> None:
    world = World(board=Board(worker=worker, others={"a|8", "b|8", "c|8"} - {worker}))

    assert world.turn(request(OF, 7))[OF.version_id].held == share


def test_a_worker_that_has_no_share_starts_and_tells_nothing() -> None:
    world = World(board=Board(worker="b|8", others={"a|8"}))

    assert (world.turn(request(OF, 1)), world.started) == ({}, [])


def test_a_running_sandbox_counts_as_held_and_not_as_idle() -> None:
    world = World()
    world.turn(request(OF, 2))

    with world.pool.lease(OF, lambda request: fake_start(OF, request)):
        assert world.turn(request(OF, 2)) == {OF.version_id: Held(held=2, idle=1)}


def test_one_that_died_is_replaced() -> None:
    world = World()
    world.turn(request(OF, 1))
    world.started[0].usable = False

    assert world.turn(request(OF, 1)) == {OF.version_id: Held(held=1, idle=1)}
    assert (len(world.started), world.started[0].destroyed) == (2, True)


def test_provisioned_ones_outlast_what_needs_room_and_go_when_nobody_wants_them_any_more() -> None:
    world = World(slots=2)
    world.turn(request(OF, 1))
    for n in range(3):
        used(world.pool, version(version_id=f"v{n}"))
    assert world.pool.held(OF) == (1, 1)

    assert world.turn() == {}
    used(world.pool, OTHER)
    for n in range(3):
        used(world.pool, version(version_id=f"w{n}", number="1"))
    assert world.started[0].destroyed


def test_an_alias_that_moved_takes_its_permits_along() -> None:
    world = World(slots=3)
    new = version(version_id="new", number="2")
    world.turn(request(OF, 2))

    world.turn(request(new, 2))  # what the old one held still stands beside it
    assert world.turn(request(new, 2)) == {"new": Held(held=2, idle=2)}


def test_two_names_of_one_version_add_up() -> None:
    assert World().turn(request(OF, 1), request(OF, 2)) == {OF.version_id: Held(held=3, idle=3)}


def test_what_there_is_no_room_for_is_said() -> None:
    world = World(slots=3)

    told = world.turn(request(OF, 2), request(OTHER, 1))

    assert told[OF.version_id] == Held(held=2, idle=2)
    assert told["other"] == Held(held=0, idle=0, reason="A worker has room for 0 of its 1.")


def test_a_function_that_does_not_start_is_said_and_tried_again_after_a_while_and_not_before() -> None:
    world = World(failure=does_not_start())
    said = Held(held=0, idle=0, reason="The function does not start: no module named x")
    assert world.turn(request(OF, 1)) == {OF.version_id: said}

    world.failure = None
    world.now_s = RETRY_S - 0.1
    assert world.turn(request(OF, 1)) == {OF.version_id: said}
    world.now_s = RETRY_S
    assert world.turn(request(OF, 1)) == {OF.version_id: Held(held=1, idle=1)}


def test_what_a_function_says_as_it_does_not_start_can_be_told_whatever_it_is() -> None:
    failure = StartFailed(ran(How.INIT_FAILED, b'{"errorMessage": "\\ud800"}'), Started(1, 1))
    assert World(failure=failure).turn(request(OF, 1))[OF.version_id].reason == "The function does not start: ?"

    failure = StartFailed(ran(How.INIT_FAILED, b"[" * 100_000), Started(1, 1))
    assert (
        World(failure=failure).turn(request(OF, 1))[OF.version_id].reason
        == "The function does not start (init failed)."
    )


def test_one_that_dies_as_soon_as_it_is_ready_is_started_again_next_turn_and_not_before() -> None:
    world = World()
    world.dies = True

    for turn in (1, 2):
        assert world.turn(request(OF, 2)) == {OF.version_id: Held(held=0, idle=0)}
        assert len(world.started) == 2 * turn


def test_an_engine_that_is_down_keeps_nothing_of_the_others_from_being_told() -> None:
    world = World()
    world.turn(request(OF, 1))
    world.failure = EngineUnavailableError("down")

    told = world.turn(request(OF, 1), request(OTHER, 1))

    assert told[OF.version_id] == Held(held=1, idle=1)
    assert told["other"].reason == "A worker cannot start it at the moment."


def test_without_redis_everything_stays_as_it_was_told_last() -> None:
    world = World(slots=2)
    world.turn(request(OF, 1))
    world.board.down = True

    with pytest.raises(RedisUnavailableError):
        world.turn()
    used(world.pool, OTHER)

    assert world.pool.held(OF) == (1, 1)
