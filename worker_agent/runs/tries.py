"""Adds up what the tries of one Invocation took and cost, and tells when the next follows; pure, it rounds nothing."""

import dataclasses

from shared_lua.contract import Charge, Invocation, Outcome, PeakScope, Settlement, Status, Usage


def pause_s(made: int, first_s: int) -> int:
    """Give the pause after `made` failed tries (from 1): it doubles with each."""
    return first_s << (made - 1)


def may_follow(invocation: Invocation, made: int, outcome: Outcome, now_us: int, first_s: int) -> bool:
    """Tell whether another try follows the `made` ones, the last of which ended so; its whole timeout must be left."""
    if outcome.status is not Status.FAILED or made > invocation.retries:
        return False
    return now_us + pause_s(made, first_s) * 1_000_000 <= invocation.start_by_us


def together(before: Settlement, last: Settlement) -> Settlement:
    """Give one Settlement for the tries so far and the last one.

    When the last one never ran, the outcome of those before it stands: they were the function's fault, and are billed.
    """
    if not last.outcome.executed:
        return dataclasses.replace(before, attempt=last.attempt, settled_at_us=last.settled_at_us)
    return dataclasses.replace(
        last,
        usage=_usage(before.usage, last.usage),
        charge=_charge(before.charge, last.charge),
        tries=before.tries + last.tries,
    )


def _usage(before: Usage | None, last: Usage | None) -> Usage | None:
    if before is None or last is None:
        return before or last
    spent_us = before.start_us + before.run_us + before.freeze_us
    scopes = {before.peak_scope, last.peak_scope}
    return Usage(
        queue_us=max(before.queue_us, last.queue_us - spent_us),  # the last one's is since admission, with all of it
        start_us=before.start_us + last.start_us,
        run_us=before.run_us + last.run_us,
        cpu_us=before.cpu_us + last.cpu_us,
        cpu_system_us=before.cpu_system_us + last.cpu_system_us,
        freeze_us=before.freeze_us + last.freeze_us,
        io_read_bytes=before.io_read_bytes + last.io_read_bytes,
        io_write_bytes=before.io_write_bytes + last.io_write_bytes,
        peak_memory_bytes=max(before.peak_memory_bytes, last.peak_memory_bytes),
        peak_scope=PeakScope.SANDBOX if PeakScope.SANDBOX in scopes else PeakScope.INVOCATION,
        cold=before.cold or last.cold,
        complete=before.complete and last.complete,
    )


def _charge(before: Charge | None, last: Charge | None) -> Charge | None:
    if before is None or last is None:
        return before or last
    return Charge(
        billed_us=before.billed_us + last.billed_us,
        memory_mb=last.memory_mb,
        duration_pico_usd=before.duration_pico_usd + last.duration_pico_usd,
        request_pico_usd=before.request_pico_usd + last.request_pico_usd,
    )
