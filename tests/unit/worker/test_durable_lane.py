"""When a Delivery that is held for long is kept by a lease, by the real limits of SQS."""

from typing import Any

import pytest

from worker_agent.clock import now_us
from worker_agent.stores.durable_lane import Delivery, DurableLane, VisibilityHeartbeat

#: What SQS allows a message to be invisible, from its receipt on.
SQS_LIMIT_S = 12 * 3600
VISIBILITY_S = 120


class Extending:
    """An SQS client that notes which receipts are extended."""

    def __init__(self) -> None:
        self.extended: list[str] = []

    def change_message_visibility_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> None:  # noqa: N803
        self.extended += [entry["ReceiptHandle"] for entry in Entries]


@pytest.mark.parametrize(
    ("age_s", "is_leased", "is_extended"),
    [
        (60, False, True),
        (6 * 3600 - 60, False, True),
        (6 * 3600 + 1, True, True),
        (SQS_LIMIT_S - VISIBILITY_S - 60, True, True),
        (SQS_LIMIT_S - VISIBILITY_S + 1, True, False),
        (SQS_LIMIT_S + 60, True, False),
    ],
)
def test_a_delivery_is_leased_from_six_hours_on_long_before_sqs_delivers_it_again(
    age_s: int, is_leased: bool, is_extended: bool
) -> None:
    """A lease that began with SQS's own limit would leave the message to another worker while its run goes on."""
    sqs, held = Extending(), list[int]()
    lane = DurableLane(sqs, "queue", VISIBILITY_S, poll_s=1)
    heartbeat = VisibilityHeartbeat(lane, VISIBILITY_S, lambda _, until_us: held.append(until_us))

    with heartbeat.keep(Delivery("{}", "receipt", 1, now_us() - age_s * 1_000_000)):
        heartbeat._keep_all()

    assert bool(held) is is_leased
    assert bool(sqs.extended) is is_extended
    assert all(until_us > now_us() for until_us in held)
