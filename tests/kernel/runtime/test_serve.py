"""A real server process and the client's side of a conversation with it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kernel.messages.codec import recordio
from kernel.runtime.client import Conversation, HttpClient, SseEvent, follow_sse
from tests.processes import free_port, wait_until

_SERVER = """
import asyncio, flask, sys
from kernel.messages.codec import recordio, sse
from kernel.runtime.http import Application, Response, Route, Streaming
from kernel.runtime.serve import serve
from kernel.runtime.stream import EventStream

pages = flask.Flask("t")
posted = []

@pages.get("/page/<name>")
def page(name):
    return "hello " + name

@pages.post("/echo")
def echo():
    return flask.request.get_data()

async def conversation(request):
    if "mesos-stream-id" in request.headers:
        posted.append(request.body)
        return Response(202)
    stream = EventStream(lambda: print("left", flush=True))
    stream.send(recordio(b"subscribed " + request.body))
    stream.send(recordio(b"x" * 100_000))
    return Streaming(stream, headers={"Mesos-Stream-Id": "s1"})

async def what_was_posted(request):
    return Response(200, b"|".join(posted), content_type="text/plain")

async def events(request):
    stream = EventStream()
    stream.send(b"\\n" + sse("a", b"1", "7") + sse("b", b"2"))
    stream.close()
    return Streaming(stream, content_type="text/event-stream")

async def ready():
    print("ready", flush=True)

async def stopped():
    print("stopped", flush=True)

async def broken(request):
    raise RuntimeError("ours")

serve(lambda: Application(
    routes=[Route("POST", "/talk", conversation), Route("GET", "/posted", what_was_posted),
            Route("GET", "/events", events), Route("GET", "/broken/*", broken)],
    pages=pages, start=ready, stop=stopped), ip="127.0.0.1", port=int(sys.argv[1]), name="t")
"""


@contextmanager
def server() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER, str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.communicate()


def test_a_page_of_another_site_reaches_neither_pages_nor_coroutines() -> None:
    """A simple cross-site POST needs no preflight, so the server itself must refuse it."""

    async def scenario(url: str) -> None:
        client = HttpClient()
        for path in ("/talk", "/page/you"):
            for headers in ({"Origin": "https://evil.example"}, {"Host": "evil.example:80"}):
                plain = {"Content-Type": "text/plain", "Mesos-Stream-Id": "s1", **headers}
                refused = await client.post(f"{url}{path}", body=b"x" * 100_000, headers=plain)
                assert refused.status == 403 and b"message" in refused.body
        assert (await client.get(f"{url}/posted")).body == b""
        await client.close()

    with server() as (url, _):
        asyncio.run(scenario(url))


def test_half_sent_bodies_hold_up_no_page_and_are_never_carried_out() -> None:
    """A page has few threads; a client that stalls within its body must not take one."""
    half = b"\r\nHost: localhost\r\nContent-Length: 100\r\nMesos-Stream-Id: s1\r\n\r\nhalf"

    async def scenario(url: str) -> None:
        client, address = HttpClient(), ("127.0.0.1", int(url.rpartition(":")[2]))
        stalled = [await asyncio.open_connection(*address) for _ in range(30)]
        for index, (_, writer) in enumerate(stalled):
            path = b"/talk" if index % 2 else b"/page/me"
            writer.write(b"POST " + path + b" HTTP/1.1" + half)
            await writer.drain()
        assert (await client.get(f"{url}/page/you", timeout_s=5)).body == b"hello you"
        for _, writer in stalled:
            writer.close()
            await writer.wait_closed()
        assert (await client.get(f"{url}/posted")).body == b""
        await client.close()

    with server() as (url, _):
        asyncio.run(scenario(url))


def test_a_page_gets_a_body_that_came_in_chunks() -> None:
    async def scenario(url: str) -> None:
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        reader, writer = await asyncio.open_connection(*address)
        head = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        writer.write(head + b"Connection: close\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        assert (await reader.read()).endswith(b"abcde")
        writer.close()

    with server() as (url, _):
        asyncio.run(scenario(url))


def test_pages_and_coroutines_share_one_port() -> None:
    async def scenario(url: str) -> None:
        client = HttpClient()
        page = await client.get(f"{url}/page/you")
        assert (page.status, page.body) == (200, b"hello you")
        assert (await client.get(f"{url}/nothing")).status == 404
        broken = await client.get(f"{url}/broken/x")
        assert (broken.status, broken.json()["message"][:8]) == (500, "internal")
        await client.close()

    with server() as (url, _):
        asyncio.run(scenario(url))


def test_a_conversation_streams_records_and_posts_in_order() -> None:
    async def scenario(url: str) -> tuple[list[bytes], bytes]:
        client = HttpClient()
        records: list[bytes] = []
        both = asyncio.Event()

        def on_record(record: bytes) -> None:
            records.append(record)
            if len(records) == 2:
                both.set()

        talk: Conversation[bytes] = Conversation(
            client,
            [f"{url}/talk"],
            subscribe=lambda: b"me",
            on_subscribed=lambda: None,
            on_record=on_record,
            on_disconnected=lambda reason: None,
        )
        running = asyncio.ensure_future(talk.run())
        await asyncio.wait_for(both.wait(), 10)
        for number in range(20):
            talk.send(b"%d" % number)
        posted = b""
        while not posted.endswith(b"|19"):
            posted = (await client.get(f"{url}/posted")).body
        running.cancel()
        await client.close()
        return records, posted

    with server() as (url, _):
        records, posted = asyncio.run(scenario(url))

    assert records == [b"subscribed me", b"x" * 100_000]
    assert posted == b"|".join(b"%d" % number for number in range(20))


def test_server_sent_events_are_read_with_their_ids() -> None:
    async def scenario(url: str) -> list[SseEvent]:
        client = HttpClient()
        events = [event async for event in follow_sse(client, f"{url}/events")]
        await client.close()
        return events

    with server() as (url, _):
        events = asyncio.run(scenario(url))

    assert events == [SseEvent("a", "1", "7"), SseEvent("b", "2")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_ends_it_gracefully_even_with_an_open_stream(number: int) -> None:
    with server() as (url, process):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as reader:
            reader.sendall(b"POST /talk HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nme")
            assert b"200" in reader.recv(4000)

            process.send_signal(number)

            assert process.wait(5) == 0
        assert process.stdout is not None
        assert process.stdout.read().split() == ["left", "stopped"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
def test_the_worker_dies_with_its_arbiter() -> None:
    with server() as (_, process):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

        process.kill()

        wait_until(lambda: not any(_alive(int(child)) for child in children), 3)


def test_a_taken_port_ends_it_with_one_sentence_that_names_the_flag() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]

        ended = subprocess.run(
            [sys.executable, "-c", _SERVER, str(port)], capture_output=True, text=True, timeout=20
        )

    assert ended.returncode == 2
    assert f"127.0.0.1:{port}" in ended.stderr
    assert "--port" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z" and os.path.exists(f"/proc/{pid}")


def test_a_record_is_framed_by_its_length() -> None:
    assert recordio(b"abc") == b"3\nabc"


def test_a_server_whose_supervisor_has_ended_before_it_began_ends_too() -> None:
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    process = subprocess.run(
        [sys.executable, "-c", _SERVER, str(free_port())],
        env={**os.environ, "TEPUI_SUPERVISED": gone.stdout.strip()},
        capture_output=True,
        timeout=20,
    )
    assert process.returncode == -signal.SIGTERM
