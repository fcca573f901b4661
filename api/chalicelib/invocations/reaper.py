"""Has the timer look for workers that died, as no worker is left to look for the last one."""

import logging

from chalicelib.invocations.durable_lane import DurableLane
from chalicelib.invocations.ledger import Ledger
from chalicelib.storage.redis_adapter import RedisAdapter
from shared_lua.reaper import Reaper

#: Invocations requeued in one run of the timer, three requests each: what is left waits a minute.
AT_ONCE = 200

logger = logging.getLogger("hearth")


def build(redis_adapter: RedisAdapter, ledger: Ledger, lane: DurableLane) -> Reaper:
    """Give a reaper on the controller's adapters; its `look` raises UnavailableError when a part does not answer."""
    return Reaper(redis_adapter.board, ledger, lane, AT_ONCE, _warn)


def _warn(action: str, message: str, **fields: object) -> None:
    logger.warning(message, extra={"action": action, **fields})
