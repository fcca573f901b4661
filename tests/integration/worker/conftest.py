"""Real parts for the worker's tests: an engine that counts, sandboxes that are removed whatever happens, a Handler."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from shared_lua.contract import Version
from tests.integration.worker.handling import World, world_on
from tests.integration.worker.lanes import Lanes
from worker_agent.sandboxes import engine
from worker_agent.sandboxes.cgroup import find_layout
from worker_agent.sandboxes.docker import DockerSandbox, DockerSandboxes, DockerStem, Limits
from worker_agent.sandboxes.ownership import Owner

#: For a start: other tests compute beside it, and how long it takes is asked where a test says so.
PATIENCE_S = 60.0


class TidySandboxes(DockerSandboxes):
    """The real thing; it remembers what it made, so that a test that fails half-way leaves nothing open."""

    def __init__(self, on: engine.Engine) -> None:
        layout = find_layout(Path("/proc/self/mountinfo").read_text())
        super().__init__(on, layout, Owner("tests"), Limits(start_timeout_s=PATIENCE_S))
        self.made: list[DockerStem | DockerSandbox] = []

    def make_stem(self, runtime: str) -> DockerStem:
        stem = super().make_stem(runtime)
        self.made.append(stem)
        return stem

    def start(self, version: Version, code: bytes, layers: Sequence[bytes] = ()) -> DockerSandbox:
        """Make a sandbox from nothing."""
        sandbox = self.make_stem(version.runtime).become(version, code, layers)
        self.made.append(sandbox)
        return sandbox


@pytest.fixture
def docker_engine() -> Iterator[engine.Engine]:
    client = engine.connect()
    counted = engine.Engine(client)
    counted.ping()
    yield counted
    client.close()


@pytest.fixture
def sandboxes(docker_engine: engine.Engine) -> Iterator[TidySandboxes]:
    tidy = TidySandboxes(docker_engine)
    yield tidy
    for sandbox in tidy.made:
        sandbox.destroy("the test is over")
    assert tidy.close() == 0


@pytest.fixture
def world(aws: Any, data: dict[str, str], redis_client: redis.Redis) -> World:
    """A Handler, and all that a test looks at around it."""
    return world_on(aws, data, redis_client)


@pytest.fixture
def lanes(world: World, aws: Any, redis_client: redis.Redis) -> Iterator[Lanes]:
    there = Lanes(world, aws, redis_client)
    yield there
    for lane in there.started:
        lane.stop()
        lane.join(10)
        lane.give_up()
