"""The agent: the loop that takes Deliveries off the durable lane, and how the whole worker starts and stops.

Capacity stands for a Slot that is free or can be freed, and is taken before a Delivery is: the agent never holds work
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

#: Between two attempts to receive while the queue is down.
OUTAGE_PAUSE_S = 1.0
#: The longest wait for capacity, after which the loop looks whether it is to stop.
CAPACITY_PAUSE_S = 0.5
#: A Delivery that failed comes back after this: long enough not to use up all its attempts in one short outage.
RETRY_AFTER_S = 3
#: The same for one that another worker has claimed, when no lease says until when.
CLAIMED_AFTER_S = 10


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
        capacity: Capacity,
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
        self._capacity = capacity
        self._express = express
        self._concurrency = concurrency
        self._drain_s = drain_s
        self._running: set[str] = set()  #: receipts of the Deliveries that are being handled
        self._ended = threading.Condition()
        self._stopping = threading.Event()
        self._queue_outage = Outage("queue", "no work can be received")

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Take and run Deliveries until `stop` is called, then drain."""
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
        grant = self._capacity.take(BATCH, CAPACITY_PAUSE_S)
        deliveries: list[Delivery] = []
        try:
            # A stop may have come during the wait for capacity: nothing is received any more then.
            if grant.count and not self._stopping.is_set():
                deliveries = self._receive(grant)
        finally:
            self._capacity.release(Grant(grant.count - len(deliveries), grant.borrowed))
        for delivery in deliveries:
            with self._ended:
                self._running.add(delivery.receipt)
            runs.submit(self._work, delivery, Grant(1, grant.borrowed))
        if grant.borrowed and not deliveries:
            self._capacity.wait(CAPACITY_PAUSE_S)  # the queue is empty: the lane's own share will do

    def _receive(self, grant: Grant) -> list[Delivery]:
        """Receive up to the granted number. With borrowed capacity there is no long poll: callers may need it back."""
        try:
            deliveries = self._lane.receive(grant.count, waits=not grant.borrowed)
            self._queue_outage.over()
            return deliveries
        except PlatformError as error:
            self._queue_outage.met(error)
            self._stopping.wait(OUTAGE_PAUSE_S)
            return []

    def _work(self, delivery: Delivery, grant: Grant) -> None:
        """Handle one Delivery and acknowledge or defer it; return it to the queue when that failed."""
        try:
            with self._visibility_heartbeat.keep(delivery):
                deferral = self._handler.handle(delivery)
            self._complete(delivery, deferral)
        except Exception as error:  # noqa: BLE001  (whatever failed, another attempt must have the Delivery)
            self._nack(delivery, error)
        finally:
            self._capacity.release(grant)
            with self._ended:
                self._running.discard(delivery.receipt)
                self._ended.notify_all()

    def _complete(self, delivery: Delivery, deferral: Deferral | None) -> None:
        if deferral:
            self._lane.defer(delivery, deferral.invocation, deferral.after_s)
            self._metrics.deferred()
        else:
            self._lane.acknowledge(delivery)

    def _nack(self, delivery: Delivery, error: Exception) -> None:
        """Return a Delivery to the queue. One that is no Invocation ends in the dead-letter queue this way."""
        expected = isinstance(error, PlatformError | ContractError)
        log.warn(
            "poisonous" if isinstance(error, ContractError) else "nacked",
            f"attempt {delivery.attempt} failed: {error}",
            unexpected=None if expected else error,
            error_type=type(error).__name__,
        )
        self._metrics.nacked()
        try:
            self._lane.nack(delivery, _retry_after_s(error))
        except PlatformError as failed:
            log.warn("nack_failed", f"it comes back when its visibility timeout ends: {failed}")

    def _drain(self) -> None:
        """Let running work finish in the time allowed, then end what still runs and return it to the queue."""
        until_s = time.monotonic() + self._drain_s
        self._express.stop()
        self._heartbeat.tell()
        with self._ended:
            finished = self._ended.wait_for(lambda: not self._running, timeout=self._drain_s)
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
        return error.wait_s or CLAIMED_AFTER_S
    return RETRY_AFTER_S
