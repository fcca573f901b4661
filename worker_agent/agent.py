"""The agent's loop over the durable lane, and how all of the worker starts and stops. It knows nothing of what is run.

A place stands for a Slot that is free or can be freed, and is taken before a Delivery is: the agent never holds work
that it cannot start.
"""

import threading
import time

from shared_lua.contract import ContractError
from worker_agent import log
from worker_agent.errors import ClaimHeldError, EngineUnavailableError, PlatformError
from worker_agent.lanes.capacity import Capacity, Grant
from worker_agent.lanes.engine_watch import EngineWatch
from worker_agent.lanes.express import Express
from worker_agent.lanes.handle import DrainedError, Handler
from worker_agent.lanes.heartbeat import Heartbeat
from worker_agent.lanes.live_logs import LiveLogs
from worker_agent.lanes.provisioning import Provisioning
from worker_agent.metrics import Metrics
from worker_agent.outage import Outage
from worker_agent.pool.slots import Pool
from worker_agent.pool.stems import Stems
from worker_agent.sandboxes.sandbox import Sandboxes
from worker_agent.stores.durable_lane import BATCH, Deferral, Delivery, DurableLane, VisibilityHeartbeat
from worker_agent.threads import Jobs, Loop

#: Between two looks at a part that is down.
OUTAGE_PAUSE_S = 1.0
#: Between two looks at whether to stop, while every place is taken.
PLACE_PAUSE_S = 0.5
#: A Delivery that failed comes back after this; long enough not to burn all its attempts in one short outage.
RETRY_AFTER_S = 3


class Agent:
    """One worker process."""

    def __init__(  # noqa: PLR0913  (the loop is where everything meets)
        self,
        *,
        lane: DurableLane,
        visibility_heartbeat: VisibilityHeartbeat,
        heartbeat: Heartbeat,
        live_logs: LiveLogs,
        engine: EngineWatch,
        handler: Handler,
        metrics: Metrics,
        sandboxes: Sandboxes,
        pool: Pool,
        stems: Stems,
        provisioning: Provisioning,
        places: Capacity,
        express: Express,
        concurrency: int,
        drain_s: float,
    ) -> None:
        self._lane = lane
        self._visibility_heartbeat = visibility_heartbeat
        self._heartbeat = heartbeat
        self._live_logs = live_logs
        self._engine = engine
        self._handler = handler
        self._metrics = metrics
        self._sandboxes = sandboxes
        self._pool = pool
        self._stems = stems
        self._provisioning = provisioning
        self._concurrency = concurrency
        self._drain_s = drain_s
        self._places = places
        self._express = express
        self._running: set[str] = set()
        self._idle = threading.Condition()
        self._stopping = threading.Event()
        self._queue_outage = Outage("queue", "no work can be had")

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Take and run Deliveries until asked to stop; then drain."""
        self._visibility_heartbeat.periodic.start()
        self._heartbeat.start()
        self._live_logs.periodic.start()
        self._express.start()
        with Jobs("run", self._concurrency) as runs:
            self._engine.start()
            self._stems.start()
            self._provisioning.periodic.start()
            log.note("agent_ready", f"ready to run {self._concurrency} at once, {self._pool.size} slots")
            Loop("durable", lambda: self._take(runs), self._stopping).run()
            self._drain()
        self._live_logs.periodic.stop()
        self._heartbeat.stop()
        self._visibility_heartbeat.periodic.stop()
        self._metrics.close()
        log.note("agent_stopped", "stopped", stems_missed=self._stems.missed)

    def _take(self, runs: Jobs) -> None:
        """Take capacity, then as many Deliveries as it allows, and have each handled in a thread."""
        grant = self._places.take(BATCH, PLACE_PAUSE_S)
        deliveries: list[Delivery] = []
        try:
            # A stop may have come while it waited for capacity: then what is free stays free.
            if grant.count and not self._stopping.is_set():
                deliveries = self._receive(grant)
        finally:
            self._places.release(Grant(grant.count - len(deliveries), grant.borrowed))
        for delivery in deliveries:
            with self._idle:
                self._running.add(delivery.receipt)
            runs.submit(self._work, delivery, Grant(1, grant.borrowed))
        if grant.borrowed and not deliveries:
            self._places.wait(PLACE_PAUSE_S)  # nothing more waits: what is of its own will do

    def _receive(self, grant: Grant) -> list[Delivery]:
        """Receive for places; with borrowed ones nobody waits for work, as a caller may want them in the meantime."""
        try:
            deliveries = self._lane.receive(grant.count, waits=not grant.borrowed)
            self._queue_outage.over()
            return deliveries
        except PlatformError as error:
            self._queue_outage.met(error)
            self._stopping.wait(OUTAGE_PAUSE_S)
            return []

    def _work(self, delivery: Delivery, place: Grant) -> None:
        """Handle one Delivery and let go of it; what failed is given back for another attempt."""
        try:
            with self._visibility_heartbeat.keep(delivery):
                deferral = self._handler.handle(delivery)
            self._let_go(delivery, deferral)
        except Exception as error:  # noqa: BLE001  (the one place: whatever failed, the Delivery must go back)
            self._return(delivery, error)
        finally:
            self._places.release(place)
            with self._idle:
                self._running.discard(delivery.receipt)
                self._idle.notify_all()

    def _let_go(self, delivery: Delivery, deferral: Deferral | None) -> None:
        """Let go of a Delivery that needs no attempt more: it is recorded, or comes anew."""
        if deferral:
            self._lane.defer(delivery, deferral.invocation, deferral.after_s)
            self._metrics.deferred()
        else:
            self._lane.acknowledge(delivery)

    def _return(self, delivery: Delivery, error: Exception) -> None:
        """Give a Delivery back with its reason. One that can never be read ends in the dead-letter queue this way."""
        expected = isinstance(error, PlatformError | ContractError)
        log.warn(
            "poisonous" if isinstance(error, ContractError) else "given_back",
            f"attempt {delivery.attempt} failed: {error}",
            unexpected=None if expected else error,
            error_type=type(error).__name__,
        )
        self._metrics.nacked()
        try:
            self._lane.nack(delivery, _retry_after_s(error))
        except PlatformError as failed:
            log.warn("nack_failed", f"it comes back when its visibility ends: {failed}")

    def _drain(self) -> None:
        """Let running work finish while it is still kept; end and give back what is not done in time."""
        until_s = time.monotonic() + self._drain_s
        self._express.stop()
        self._heartbeat.tell()
        with self._idle:
            finished = self._idle.wait_for(lambda: not self._running, timeout=self._drain_s)
        if not self._express.join(until_s - time.monotonic()) or not finished:
            self._handler.cancelled.set()
        self._engine.stop()
        self._provisioning.periodic.stop()
        self._pool.close()
        self._stems.stop()
        self._express.give_up()
        try:
            self._sandboxes.close()
        except EngineUnavailableError as error:
            log.warn("left_behind", f"containers are left for the next agent to remove: {error}")


def _retry_after_s(error: Exception) -> int:
    if isinstance(error, DrainedError):
        return 0
    if isinstance(error, ClaimHeldError):
        return error.wait_s or 10
    return RETRY_AFTER_S
