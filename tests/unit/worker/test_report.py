"""The lines around a log."""

import json

from shared_lua.contract import PeakScope, Usage
from tests.builders import invocation, version
from worker_agent.runs.billing import Prices, charge
from worker_agent.runs.report import framed

PRICES = Prices(gb_s_pico_usd=16_666_700, request_pico_usd=200_000, step_us=1000)


def usage(cold: bool) -> Usage:
    return Usage(
        queue_us=5,
        start_us=120_000 if cold else 0,
        run_us=1234,
        cpu_us=900,
        peak_memory_bytes=10_000_000,
        peak_scope=PeakScope.INVOCATION,
        cold=cold,
    )


def lines(log: str, cold: bool = False) -> list[str]:
    return framed(log, invocation(), usage(cold), charge(1234, 128, PRICES)).splitlines()


def test_a_log_is_framed_as_lambda_frames_it() -> None:
    assert lines("hello")[:4] == [
        "START RequestId: i-1 Version: $LATEST",
        "hello",
        "END RequestId: i-1",
        (
            "REPORT RequestId: i-1\tDuration: 1.23 ms\tBilled Duration: 2 ms\t"
            "Memory Size: 128 MB\tMax Memory Used: 10 MB\t"
        ),
    ]


def test_a_published_versions_number_is_in_the_log() -> None:
    of = invocation(version=version(number="7"))

    log = framed("", of, usage(cold=False), charge(1234, 128, PRICES))

    assert log.startswith("START RequestId: i-1 Version: 7\n")


def test_a_cold_start_shows_its_length() -> None:
    assert lines("", cold=True)[2].endswith("Init Duration: 120.00 ms\t")


def test_the_last_line_has_every_figure() -> None:
    figures = json.loads(lines("")[-1])

    assert figures["usage"]["cpu_us"] == 900
    assert figures["usage"]["peak_scope"] == "invocation"
    assert figures["charge"]["total_pico_usd"] == 200_000 + 4167
