"""What is kept of a log."""

import pytest

from worker_agent.sandboxes.log_buffer import LIVE_BYTES, TAIL_BYTES, LogBuffer, tail


def test_a_log_is_taken_once() -> None:
    log = LogBuffer()
    log.write(b"one\n")
    log.write("zwölf\n".encode())

    assert (log.take(), log.take()) == ("one\nzwölf\n", "")


def test_a_flood_is_cut_and_the_cut_is_counted() -> None:
    log = LogBuffer(limit_bytes=1000)
    for _ in range(50):
        log.write(b"x" * 99 + b"\n")

    text = log.take()

    kept = text.count("x") + text.count("x\n")
    assert text.startswith("[")
    assert len(text) < 1200
    assert f"[{5000 - kept} bytes of log before this line were not kept]" in text


def test_a_log_at_its_limit_is_whole() -> None:
    log = LogBuffer(limit_bytes=1000)
    log.write(b"x" * 1000)

    assert log.take() == "x" * 1000


def test_entries_of_the_runtime_client_become_lines() -> None:
    log = LogBuffer()
    log.write(b"[ERROR] E\rTraceback\r\n")

    assert log.take() == "[ERROR] E\nTraceback\r\n"


def test_a_tail_is_four_kibibytes_and_starts_at_a_character() -> None:
    assert tail("a" * TAIL_BYTES) == "a" * TAIL_BYTES
    assert tail("ü" * TAIL_BYTES + "a") == "ü" * (TAIL_BYTES // 2 - 1) + "a"


@pytest.mark.parametrize(("printed", "kept"), [(LIVE_BYTES, LIVE_BYTES), (LIVE_BYTES + 1, LIVE_BYTES)])
def test_what_is_shown_of_a_run_is_its_end_and_how_much_there_was(printed: int, kept: int) -> None:
    log = LogBuffer()
    log.write(b"x" * printed)

    shown = log.so_far()

    assert (len(shown.tail), shown.total_bytes) == (kept, printed)
    assert log.take() == "x" * printed


def test_what_is_shown_begins_with_a_whole_character() -> None:
    log = LogBuffer()
    log.write("é".encode() * LIVE_BYTES + b"x")

    assert log.so_far().tail == "é" * (LIVE_BYTES // 2 - 1) + "x"
