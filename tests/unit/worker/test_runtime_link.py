"""One connection from inside a sandbox, fed with whatever hypothesis thinks of."""

import contextlib
import socket

from hypothesis import given
from hypothesis import strategies as st

from worker_agent.sandboxes.runtime_link import MAX_ANSWER_BYTES, MAX_HEAD_BYTES, GarbageError, Link

#: Pieces that lead a parser astray more often than random bytes do.
PIECES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"POST /x HTTP/1.1\r\n",
        b"content-length: 5\r\n",
        b"content-length: -1\r\n",
        b"transfer-encoding: chunked\r\n",
        b"\r\n",
        b"5\r\nhello\r\n",
        b"ffffffffffffffff\r\n",
        b"0\r\n\r\n",
        b"upgrade: x\r\nconnection: upgrade\r\n",
        b"hello",
        b"\0",
    ]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=64)), max_size=30))
def test_any_bytes_end_in_requests_or_in_being_cut_off_and_nothing_else(pieces: list[bytes]) -> None:
    far, near = socket.socketpair()
    near.setblocking(False)
    with far, near:
        link = Link(near)
        with contextlib.suppress(GarbageError):
            for piece in pieces:
                far.sendall(piece)
                link.receive()
                request = link.take_request()
                if request:
                    assert request.size == len(request.body)
                    link.reply(404, {})


def test_a_head_at_the_limit_is_taken_and_one_past_it_is_cut_off() -> None:
    start = b"GET / HTTP/1.1\r\n"
    step = b"a: " + b"b" * 995 + b"\r\n"

    far, near = socket.socketpair()
    near.setblocking(False)
    with far, near:
        link = Link(near)
        far.sendall(start)
        taken = len(start)
        with contextlib.suppress(GarbageError):
            while taken < 2 * MAX_HEAD_BYTES:
                far.sendall(step)
                link.receive()
                taken += len(step)
        assert MAX_HEAD_BYTES - len(step) <= taken <= MAX_HEAD_BYTES + len(step)


def test_a_body_without_end_is_counted_and_not_held() -> None:
    far, near = socket.socketpair()
    near.setblocking(False)
    with far, near:
        link = Link(near)
        far.sendall(b"POST /x HTTP/1.1\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(200):
            far.sendall(b"x" * 65536)
            link.receive()
        assert len(link._request.body) <= MAX_ANSWER_BYTES
        assert link._request.size > 2 * MAX_ANSWER_BYTES
