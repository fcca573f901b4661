"""The controller's settings, read once from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import limits

#: HEARTH_SECRET_SEED is the master secret. The key that encrypts the stored secrets of access keys is derived from it.
#: A shorter one could be guessed by somebody who has read the table. After a change, no stored secret can be decrypted.
MIN_SEED_CHARS = 32

REQUIRED = (
    "AWS_REGION",
    "HEARTH_REDIS_URL",
    "HEARTH_BUCKET",
    "HEARTH_INVOCATIONS_TABLE",
    "HEARTH_QUEUE_URL",
    "HEARTH_FUNCTIONS_TABLE",
    "HEARTH_ITEMS_TABLE",
    "HEARTH_CREDENTIALS_TABLE",
    "HEARTH_SECRET_SEED",
)

#: Whole numbers that have a default.
NUMBERS = {
    "HEARTH_TENANT_RATE_PER_S": 500,
    "HEARTH_TENANT_BURST": 1000,
    "HEARTH_ADDRESS_RATE_PER_S": 500,
    "HEARTH_ADDRESS_BURST": 1000,
    "HEARTH_TENANT_CONCURRENCY": 100,
    "HEARTH_MIN_UNRESERVED": 10,
    "HEARTH_WAITING": 16,
    "HEARTH_OUTAGE_RATE_PER_S": 5,
    "HEARTH_OUTAGE_BURST": 20,
    "HEARTH_SYNC_WAIT_S": 25,
    "HEARTH_SYNC_QUEUE_S": 60,
    "HEARTH_ASYNC_QUEUE_S": 21_600,
}


#: How often one asynchronous Invocation runs at most: the first try, and two after errors of the function.
RUNS = 3
#: For clocks that differ, and the time between two runs.
GRACE_MARGIN_S = 3600


class SettingsError(ValueError):
    """A setting is missing or cannot be used; the message names each."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The controller's settings."""

    region: str
    redis_url: str
    bucket: str
    invocations_table: str
    queue_url: str
    #: where workers report the ends of Invocations; None when this deployment tells no destinations
    completion_queue_url: str | None
    functions_table: str
    items_table: str
    credentials_table: str
    secret_seed: str
    tenant_rate_per_s: int
    tenant_burst: int
    address_rate_per_s: int
    address_burst: int
    tenant_concurrency: int  #: how many synchronous and running Invocations a tenant may have at once
    min_unreserved: int  #: how many of these functions may not reserve
    waiting: int  #: how many synchronous Invocations may wait behind those that the fleet runs at once
    outage_rate_per_s: int  #: asynchronous Invocations that one process accepts while Redis is down
    outage_burst: int
    accepts_without_redis: bool
    sync_wait_s: int  #: how long a synchronous call waits before it is answered 202
    sync_queue_s: int  #: how long a synchronous Invocation may wait for its start
    async_queue_s: int  #: the same for an asynchronous one
    code_grace_s: int  #: how long a zip stays that no version names: a queued Invocation may need it
    public_url: str | None  #: the controller's own URL as callers see it; None = each call's host and stage
    xray_address: str | None  #: host:port of the X-Ray daemon; no tracing without it

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings; raise SettingsError, which names all that are missing or one that is wrong."""
        missing = [name for name in REQUIRED if not environ.get(name)]
        if missing:
            raise SettingsError(f"set {', '.join(missing)}: the controller cannot start without")
        if len(environ["HEARTH_SECRET_SEED"]) < MIN_SEED_CHARS:
            raise SettingsError(f"HEARTH_SECRET_SEED must have {MIN_SEED_CHARS} characters or more")
        values: dict[str, Any] = {_field(name): environ[name] for name in REQUIRED}
        values |= {_field(name): _number(environ, name, default) for name, default in NUMBERS.items()}
        # The longest that an Invocation can outlive its version: a wait in the queue, and three runs.
        grace_s = values["async_queue_s"] + RUNS * limits.MAX_TIMEOUT_S + GRACE_MARGIN_S
        return cls(
            **values,
            code_grace_s=_number(environ, "HEARTH_CODE_GRACE_S", grace_s),
            public_url=(environ.get("HEARTH_PUBLIC_URL") or "").rstrip("/") or None,
            accepts_without_redis=_flag(environ, "HEARTH_ACCEPT_WITHOUT_REDIS", "yes"),
            completion_queue_url=environ.get("HEARTH_COMPLETION_QUEUE_URL") or None,
            xray_address=environ.get("AWS_XRAY_DAEMON_ADDRESS") or None,
        )


def _field(name: str) -> str:
    return name.removeprefix("AWS_").removeprefix("HEARTH_").lower()


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise SettingsError(f"{name} must be a whole number of 1 or more, not {text!r}")
    return int(text)


def _flag(environ: Mapping[str, str], name: str, default: str) -> bool:
    text = environ.get(name) or default
    if text not in ("yes", "no"):
        raise SettingsError(f"{name} must be yes or no, not {text!r}")
    return text == "yes"
