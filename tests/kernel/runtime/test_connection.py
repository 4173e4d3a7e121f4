"""Clients that end their side of a connection, each with a real server. Source: RFC 9112 §9.6."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.kernel.runtime.test_serve import server


@pytest.fixture(scope="module")
def serving() -> Iterator[tuple[str, int]]:
    with server() as (url, _):
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        yield parts.hostname, parts.port


def said_to(address: tuple[str, int], raw: bytes) -> bytes:
    """All that is answered to `raw` and the end of our side."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def test_a_whole_request_is_answered_and_then_closed(serving: tuple[str, int]) -> None:
    for path in (b"/posted", b"/page/you"):  # a coroutine's and a page's
        answer = said_to(serving, b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")

        assert answer.startswith(b"HTTP/1.1 200")


def test_a_large_body_that_is_whole_is_answered(serving: tuple[str, int]) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n"

    answer = said_to(serving, head + b"x" * 3_000_000)

    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"x" * 3_000_000)


def test_two_requests_at_once_are_both_answered_or_the_connection_ends(
    serving: tuple[str, int],
) -> None:
    """The second was sent before the first was answered; it may be sent again elsewhere."""
    one = b"GET /posted HTTP/1.1\r\nHost: localhost\r\n\r\n"

    answer = said_to(serving, one + one)

    assert answer.count(b"HTTP/1.1 200") in (1, 2)


def test_half_a_request_is_refused(serving: tuple[str, int]) -> None:
    head = b"POST /talk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n"

    answer = said_to(serving, head + b"half")

    assert answer.startswith(b"HTTP/1.1 400")


def test_a_stream_ends_when_its_reader_ends_its_side() -> None:
    """A scheduler that was killed says no more than that, and its master must notice."""
    with server() as (url, process):
        parts = urlsplit(url)
        raw = b"POST /talk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
        answer = said_to((str(parts.hostname), parts.port or 0), raw)

        assert answer.startswith(b"HTTP/1.1 200")
        assert process.stdout is not None
        assert process.stdout.readline() == "left\n"


def test_who_says_nothing_is_answered_nothing(serving: tuple[str, int]) -> None:
    assert said_to(serving, b"") == b""
