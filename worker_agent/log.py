"""The agent's own log: one JSON object a line, with a sentence for people and an `action` for machines."""

import json
import logging
import sys
import time

from shared_lua.contract import Invocation, Settlement

_logger = logging.getLogger("hearth.worker")


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure() -> None:
    """Send the agent's log to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _logger.setLevel(logging.INFO)


def note(action: str, sentence: str, **fields: object) -> None:
    """Log an event of normal operation."""
    _logger.info(sentence, extra={"fields": {"action": action, **fields}})


def ended(action: str, invocation: Invocation, settlement: Settlement) -> None:
    """Log the end of an Invocation."""
    note(
        action,
        f"{invocation.version.function} {settlement.outcome.status}",
        invocation_id=invocation.invocation_id,
        tenant=invocation.version.tenant,
        attempt=settlement.attempt,
        run_us=settlement.usage.run_us if settlement.usage else None,
    )


def error(action: str, sentence: str, unexpected: BaseException | None = None, **fields: object) -> None:
    """Log what an operator must look at, with the traceback of an unexpected error."""
    _logger.error(sentence, exc_info=unexpected, extra={"fields": {"action": action, **fields}})


def warn(action: str, sentence: str, unexpected: BaseException | None = None, **fields: object) -> None:
    """Log that something went wrong and what happens now, with the traceback of an unexpected error."""
    _logger.warning(sentence, exc_info=unexpected, extra={"fields": {"action": action, **fields}})
