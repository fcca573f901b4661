"""Reads the controller's settings from an environment, once; never looks at the environment again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib import limits

#: HEARTH_SECRET_SEED is the master secret: from it comes the key that encrypts the secrets of access keys where they
#: are stored. A shorter one could be searched for by who has read the table; another one makes them all unreadable.
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


#: Of one asynchronous Invocation: the first, and two after an error of the function's.
RUNS = 3
#: For clocks that differ, and for what lies between two runs.
GRACE_MARGIN_S = 3600


class SettingsError(ValueError):
    """The environment lacks a setting or holds one that cannot be used; the sentence names each."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the controller must be told."""

    region: str
    redis_url: str
    bucket: str
    invocations_table: str
    queue_url: str
    completion_queue_url: (
        str | None
    )  #: where workers say that an Invocation has ended; None when this deployment has none
    functions_table: str
    items_table: str
    credentials_table: str
    secret_seed: str
    tenant_rate_per_s: int
    tenant_burst: int
    address_rate_per_s: int
    address_burst: int
    tenant_concurrency: int  #: Invocations of one tenant that somebody waits for, and that run, at once
    min_unreserved: int  #: of these, what functions may not reserve
    waiting: int  #: Invocations that may wait behind those that the fleet runs at once, while somebody waits
    outage_rate_per_s: int  #: what one process of the controller accepts without Redis, of what nobody waits for
    outage_burst: int
    accepts_without_redis: bool
    sync_wait_s: int  #: how long a synchronous call is held before it turns into a 202
    sync_queue_s: int  #: how long a synchronous Invocation may wait for its start
    async_queue_s: int  #: the same for an asynchronous one
    code_grace_s: int  #: how long a zip stays that no version names: work that waits may need it
    public_url: str | None  #: the controller's own address as callers see it; None = by each call's host and stage
    xray_address: str | None  #: host:port of the X-Ray daemon; no tracing without it

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Give the settings that `environ` holds; raise SettingsError naming all that is missing or wrong."""
        missing = [name for name in REQUIRED if not environ.get(name)]
        if missing:
            raise SettingsError(f"set {', '.join(missing)}: the controller cannot start without")
        if len(environ["HEARTH_SECRET_SEED"]) < MIN_SEED_CHARS:
            raise SettingsError(f"HEARTH_SECRET_SEED must have {MIN_SEED_CHARS} characters or more")
        values: dict[str, Any] = {_field(name): environ[name] for name in REQUIRED}
        values |= {_field(name): _number(environ, name, default) for name, default in NUMBERS.items()}
        # The longest that work can take from its version's end to its own: a wait in the queue, and three runs.
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
