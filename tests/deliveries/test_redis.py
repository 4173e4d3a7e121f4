"""Deliveries through a real Redis, from Debian's redis-server, started by the test itself."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from deliveries.queue import enqueue
from tests.deliveries.targets import hook
from tests.deliveries.test_worker import eventually, worker
from tests.processes import free_port


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    program = shutil.which("redis-server")
    assert program, "install Redis (Debian: apt-get install redis-server)"
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory)]
    server = subprocess.Popen(
        [*command, "--appendonly", "yes", "--save", ""], stdout=subprocess.DEVNULL
    )
    client = redis.Redis(port=port)
    try:
        eventually(lambda: answers(client))
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        client.close()
        server.terminate()
        server.wait()


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def put(broker: str, url: str, name: str) -> None:
    enqueue(broker, {"kind": "webhook", "id": name, "url": url, "body": {"n": name}})


def test_events_go_through_redis_and_are_tried_again(tmp_path: Path) -> None:
    with redis_server(tmp_path) as broker, hook(503, 204) as target:
        put(broker, target.url, "before")
        with worker(tmp_path / "work", "--broker", broker):
            eventually(lambda: len(target.received) == 2)
            put(broker, target.url, "while")
            eventually(lambda: len(target.received) == 3)

    assert [headers["Tepui-Delivery-Id"] for headers, _ in target.received] == [
        "before",
        "before",
        "while",
    ]


def test_a_worker_killed_in_the_middle_of_an_attempt_makes_it_again(tmp_path: Path) -> None:
    with redis_server(tmp_path) as broker, hook(204, delay_s=0.5) as target:
        with worker(tmp_path / "work", "--broker", broker) as first:
            put(broker, target.url, "1")
            eventually(lambda: len(target.received) == 1)
            os.kill(first.pid, signal.SIGKILL)
            first.wait()
        with worker(tmp_path / "work", "--broker", broker):
            eventually(lambda: len(target.received) == 2)
