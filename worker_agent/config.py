"""The agent's settings, read from the environment at its start. An error names all that are missing or wrong."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from shared_lua.contract import MIB
from worker_agent.runs.billing import Prices


class ConfigError(Exception):
    """A setting is missing or wrong."""


@dataclass(frozen=True)
class Settings:
    """All settings of the agent."""

    region: str
    redis_url: str
    bucket: str
    invocations_table: str
    items_table: str
    queue_url: str
    completion_queue_url: str | None  #: queue of completion events; None without destinations
    retry_pause_s: int  #: between a function's error and the next try of an asynchronous call, doubled each time
    stack: str
    concurrency: int  #: Invocations that run at once
    slots: int  #: sandboxes, running and warm
    pool_memory_mb: int  #: memory of those sandboxes together, as long as enough of them are idle
    code_cache_mb: int  #: zips cached in memory, so that not every cold start reads from S3
    stems: int  #: Stems kept ready, of each runtime
    visibility_s: int
    poll_s: int
    drain_s: int
    metrics_port: int | None  #: on loopback; None to serve none
    prices: Prices

    @property
    def durable_share(self) -> int:
        """The eighth of the concurrency that is reserved for the durable lane."""
        return max(1, self.concurrency // 8)

    @property
    def express_capacity(self) -> int:
        """The rest of the concurrency: the express lane's, as far as the durable lane has not borrowed it."""
        return self.concurrency - self.durable_share

    @property
    def express_share(self) -> int:
        """The eighth of that which is only for new synchronous calls, and never for queued or waiting ones."""
        return self.express_capacity // 8

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; raise ConfigError with the name of each that is missing or wrong."""
        reader = _Reader(environ)
        settings = cls(
            region=reader.text("AWS_REGION"),
            redis_url=reader.text("HEARTH_REDIS_URL"),
            bucket=reader.text("HEARTH_BUCKET"),
            invocations_table=reader.text("HEARTH_INVOCATIONS_TABLE"),
            items_table=reader.text("HEARTH_ITEMS_TABLE"),
            queue_url=reader.text("HEARTH_QUEUE_URL"),
            completion_queue_url=environ.get("HEARTH_COMPLETION_QUEUE_URL") or None,
            retry_pause_s=reader.number("HEARTH_RETRY_PAUSE_S", 60, least=0),
            stack=environ.get("HEARTH_STACK", "default"),
            concurrency=reader.number("HEARTH_CONCURRENCY", 64),
            # More than run at once: the rest is for provisioned sandboxes.
            slots=reader.number("HEARTH_SLOTS", 96),
            pool_memory_mb=reader.number("HEARTH_POOL_MEMORY_MB", _half_of_the_host_mb()),
            code_cache_mb=reader.number("HEARTH_CODE_CACHE_MB", 64),
            stems=reader.number("HEARTH_STEMS", 2),
            visibility_s=reader.number("HEARTH_VISIBILITY_S", 30),
            poll_s=reader.number("HEARTH_POLL_S", 20),
            drain_s=reader.number("HEARTH_DRAIN_S", 30),
            metrics_port=reader.port("HEARTH_METRICS_PORT"),
            # The defaults are Lambda's prices on x86-64, in picodollars a GiB-second and a request.
            prices=Prices(
                gb_s_pico_usd=reader.number("HEARTH_PRICE_GB_S_PICO_USD", 16_666_700),
                request_pico_usd=reader.number("HEARTH_PRICE_REQUEST_PICO_USD", 200_000),
                step_us=reader.number("HEARTH_BILLING_STEP_US", 1000),
                bills_starts=reader.flag("HEARTH_BILL_STARTS"),
            ),
        )
        if settings.slots < settings.concurrency:
            reader.wrong.append("HEARTH_SLOTS must not be less than HEARTH_CONCURRENCY: each run needs a slot")
        reader.complain()
        return settings


def _half_of_the_host_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (2 * MIB)


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.wrong: list[str] = []

    def text(self, name: str) -> str:
        value = self._environ.get(name, "")
        if not value:
            self.wrong.append(f"{name} is not set")
        return value

    def number(self, name: str, default: int, least: int = 1) -> int:
        value = self._environ.get(name, str(default))
        if not value.isdecimal() or int(value) < least:
            kind = "above zero" if least else "of 0 or more"
            self.wrong.append(f"{name} must be a whole number {kind}, not {value!r}")
            return default
        return int(value)

    def port(self, name: str) -> int | None:
        number = self.number(name, 1) if self._environ.get(name) else None
        if number and number > 65_535:
            self.wrong.append(f"{name} must be a port, at most 65535, not {number}")
        return number

    def flag(self, name: str) -> bool:
        value = self._environ.get(name, "no")
        if value not in ("yes", "no"):
            self.wrong.append(f"{name} must be yes or no, not {value!r}")
        return value == "yes"

    def complain(self) -> None:
        if self.wrong:
            raise ConfigError("the environment is not complete: " + "; ".join(self.wrong))
