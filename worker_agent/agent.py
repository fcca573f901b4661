"""The agent's loop: permit, receive, hand over, acknowledge; and how to stop. It knows nothing of what is run.

A permit stands for a Slot that is free or can be freed, and is taken before a Delivery is: the agent never holds work
that it cannot start.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

from shared_lua.contract import ContractError
from worker_agent import log
from worker_agent.durable_lane import BATCH, Delivery, DurableLane, Keeper, Postponement
from worker_agent.engine_watch import EngineWatch
from worker_agent.errors import ClaimHeldError, EngineUnavailableError, PlatformError
from worker_agent.handle import DrainedError, Handler
from worker_agent.metrics import Metrics
from worker_agent.outage import Outage
from worker_agent.pool import Pool
from worker_agent.presence import Presence
from worker_agent.provisioning import Provisioning
from worker_agent.sandbox import Sandboxes
from worker_agent.stems import Stems

#: Between two looks at a part that is down.
OUTAGE_PAUSE_S = 1.0
#: Between two looks at whether to stop, while every Slot is taken.
PERMIT_PAUSE_S = 0.5
#: A Delivery that failed comes back after this; long enough not to burn all its attempts in one short outage.
RETRY_AFTER_S = 3


class Agent:
    """One worker process."""

    def __init__(  # noqa: PLR0913  (the loop is where everything meets)
        self,
        *,
        lane: DurableLane,
        keeper: Keeper,
        presence: Presence,
        engine: EngineWatch,
        handler: Handler,
        metrics: Metrics,
        sandboxes: Sandboxes,
        pool: Pool,
        stems: Stems,
        provisioning: Provisioning,
        concurrency: int,
        drain_s: float,
    ) -> None:
        self._lane = lane
        self._keeper = keeper
        self._presence = presence
        self._engine = engine
        self._handler = handler
        self._metrics = metrics
        self._sandboxes = sandboxes
        self._pool = pool
        self._stems = stems
        self._provisioning = provisioning
        self._concurrency = concurrency
        self._drain_s = drain_s
        self._permits = threading.Semaphore(concurrency)
        self._running: set[str] = set()
        self._idle = threading.Condition()
        self._stopping = threading.Event()
        self._queue_outage = Outage("queue", "no work can be had")

    def stop(self) -> None:
        """Ask the loop to end; safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Take and run Deliveries until asked to stop; then drain."""
        self._keeper.start()
        self._presence.start()
        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="run") as threads:
            self._engine.start()
            self._stems.start()
            self._provisioning.start()
            log.note("agent_ready", f"ready to run {self._concurrency} at once, {self._pool.size} slots")
            while not self._stopping.is_set():
                self._turn(threads)
            self._drain()
        self._presence.stop()
        self._keeper.stop()
        self._metrics.close()
        log.note("agent_stopped", "stopped", stems_missed=self._stems.missed)

    def _turn(self, threads: ThreadPoolExecutor) -> None:
        """Take permits, then as many Deliveries as there are, and hand each to a thread."""
        permits = self._take_permits()
        # A stop may have come while it waited for the permit: then what is free stays free.
        deliveries = self._receive(permits) if permits and not self._stopping.is_set() else []
        for _ in range(permits - len(deliveries)):
            self._permits.release()
        for delivery in deliveries:
            with self._idle:
                self._running.add(delivery.receipt)
            threads.submit(self._work, delivery)

    def _take_permits(self) -> int:
        """Wait for one permit, take what else is free at once; 0 when there was none for a while."""
        if not self._permits.acquire(timeout=PERMIT_PAUSE_S):
            return 0
        taken = 1
        while taken < BATCH and self._permits.acquire(blocking=False):
            taken += 1
        return taken

    def _receive(self, permits: int) -> list[Delivery]:
        try:
            deliveries = self._lane.receive(permits)
            self._queue_outage.over()
            return deliveries
        except PlatformError as error:
            self._queue_outage.met(error)
            self._stopping.wait(OUTAGE_PAUSE_S)
            return []

    def _work(self, delivery: Delivery) -> None:
        """Handle one Delivery and let go of it; what failed is given back for another attempt."""
        try:
            with self._keeper.keep(delivery):
                postponement = self._handler.handle(delivery)
            self._let_go(delivery, postponement)
        except Exception as error:  # noqa: BLE001  (the one place: whatever failed, the Delivery must go back)
            self._return(delivery, error)
        finally:
            self._permits.release()
            with self._idle:
                self._running.discard(delivery.receipt)
                self._idle.notify_all()

    def _let_go(self, delivery: Delivery, postponement: Postponement | None) -> None:
        """Let go of a Delivery that needs no attempt more: it is recorded, or comes anew."""
        if postponement:
            self._lane.postpone(delivery, postponement.invocation, postponement.after_s)
            self._metrics.postponed()
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
        self._metrics.given_back()
        try:
            self._lane.give_back(delivery, _retry_after_s(error))
        except PlatformError as failed:
            log.warn("give_back_failed", f"it comes back when its visibility ends: {failed}")

    def _drain(self) -> None:
        """Let running work finish while it is still kept; end and give back what is not done in time."""
        with self._idle:
            finished = self._idle.wait_for(lambda: not self._running, timeout=self._drain_s)
        if not finished:
            self._handler.cancelled.set()
        self._engine.stop()
        self._provisioning.stop()
        self._pool.close()
        self._stems.stop()
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
