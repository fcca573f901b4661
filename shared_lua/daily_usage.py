"""What Invocations add up to, by function and day: spelt alike by who counts them and who shows them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from shared_lua.contract import Settlement, Status

#: A function's day is kept in so many items: settlements that meet in one must wait for each other.
SHARDS = 8
#: How long a day is kept: a year and a month, to settle what is in dispute.
KEEP_DAYS = 400


@dataclass(frozen=True, kw_only=True)
class DailyUsage:
    """What some Invocations took and cost together. Every field is a whole number that adds up."""

    invocations: int = 0  #: that ended, however
    errors: int = 0  #: of those: by the function's fault
    unserved: int = 0  #: of those: expired or abandoned, and not billed
    billed_mb_us: int = 0  #: billed time by the memory asked for, MiB µs
    cpu_us: int = 0
    charge_pico_usd: int = 0

    def __add__(self, other: "DailyUsage") -> "DailyUsage":
        return DailyUsage(**{name: mine + getattr(other, name) for name, mine in self.fields().items()})

    def fields(self) -> dict[str, int]:
        """Give the numbers by name."""
        return dict(vars(self))


def daily_usage_of(settlement: Settlement) -> DailyUsage:
    """Give what one Settlement adds."""
    status, usage, charge = settlement.outcome.status, settlement.usage, settlement.charge
    return DailyUsage(
        invocations=1,
        errors=int(status is Status.FAILED),
        unserved=int(status in (Status.EXPIRED, Status.ABANDONED)),
        billed_mb_us=charge.billed_us * charge.memory_mb if charge else 0,
        cpu_us=usage.cpu_us if usage else 0,
        charge_pico_usd=charge.total_pico_usd if charge else 0,
    )


def day_of(at_us: int) -> str:
    """Give the day of a moment, in UTC, as 2026-11-24."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).date().isoformat()
