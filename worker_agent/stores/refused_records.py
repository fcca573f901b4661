"""Keeps in S3 what the ledger refuses to record, so that one bad record holds up no other and none is lost."""

from shared_lua.contract import Invocation, Settlement
from worker_agent import log
from worker_agent.errors import RecordRefusedError
from worker_agent.metrics import Metrics
from worker_agent.stores.s3 import Store


class RefusedRecords:
    """The refused records of all workers, in S3 under `refused/` (docs/alarms.md says what to do about them)."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics

    def keep(self, invocation: Invocation, settlement: Settlement, error: RecordRefusedError) -> None:
        """Put a record into S3 with the reason; raise AwsUnavailableError. Only then may Redis forget the record."""
        self._store.put_refused_record(invocation, settlement, str(error))
        self._metrics.record_refused()
        log.error(
            "record_refused",
            f"put into S3 instead of the ledger: {error}",
            invocation_id=invocation.invocation_id,
            tenant=invocation.version.tenant,
        )
