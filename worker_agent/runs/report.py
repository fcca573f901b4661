"""Frames a function's log as Lambda does: START, END, REPORT, and one more line of JSON with every figure."""

import json

from shared_lua.contract import MIB, Charge, Invocation, Usage


def framed(log: str, invocation: Invocation, usage: Usage, charge: Charge) -> str:
    """Return the log of one Invocation between these lines."""
    name = f"RequestId: {invocation.invocation_id}"
    body = log if not log or log.endswith("\n") else log + "\n"
    return (
        f"START {name} Version: {invocation.version.number}\n{body}END {name}\n"
        f"{report_line(invocation, usage, charge)}\n{figures_line(invocation, usage, charge)}\n"
    )


def report_line(invocation: Invocation, usage: Usage, charge: Charge) -> str:
    """Return Lambda's REPORT line."""
    fields = [
        f"REPORT RequestId: {invocation.invocation_id}",
        f"Duration: {usage.run_us / 1000:.2f} ms",
        f"Billed Duration: {charge.billed_us / 1000:g} ms",
        f"Memory Size: {invocation.version.memory_mb} MB",
        f"Max Memory Used: {-(-usage.peak_memory_bytes // MIB)} MB",
    ]
    if usage.cold:
        fields.append(f"Init Duration: {usage.start_us / 1000:.2f} ms")
    return "\t".join(fields) + "\t"


def figures_line(invocation: Invocation, usage: Usage, charge: Charge) -> str:
    """Return every phase, counter and price as one JSON object."""
    figures = {
        "type": "hearth.report",
        "requestId": invocation.invocation_id,
        "usage": vars(usage),
        "charge": {**vars(charge), "total_pico_usd": charge.total_pico_usd},
    }
    return json.dumps(figures, separators=(",", ":"))
