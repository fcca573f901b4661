"""A worker that ends itself as one of its threads cannot go on: what it had in flight, and what its supervisor sees."""

import subprocess
import sys

import pytest

from shared_lua.scripts import Decision
from tests.conftest import ROOT, RedisServer
from tests.integration.worker.handling import asked
from tests.integration.worker.lanes import Lanes
from tests.waiting import eventually
from worker_agent.threads import EXIT_CODE

pytestmark = [pytest.mark.aws, pytest.mark.redis]


def test_what_it_had_in_flight_is_requeued_by_another_workers_reaper(lanes: Lanes, redis_server: RedisServer) -> None:
    one, reaper = asked(invocation_id="i-1"), lanes.reaper()
    command = [sys.executable, "-m", "tests.integration.worker.dying_worker", redis_server.url]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as worker:
        eventually(lambda: lanes.free() == 1)

        assert lanes.admit(one) is Decision.EXPRESS
        _, said = worker.communicate(timeout=60)

    assert worker.returncode == EXIT_CODE, said
    assert "thread heartbeat cannot go on" in said.splitlines()[-1]

    def requeued() -> list[str]:
        reaper.look()
        return [found.invocation_id for found in lanes.queued()]

    assert eventually(requeued) == ["i-1"]
    assert lanes.has_row(one, "queued")
