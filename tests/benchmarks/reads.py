"""`python -m tests.benchmarks.reads`: how long reads take in a large cluster, whom they hold up.

A master of 10,000 agents and 100,000 tasks in this process. While one reads, a ticker measures the
longest time that the loop answered nobody, and another asks for /health over and over.
"""

import argparse
import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from kernel.master.reads import Reads
from kernel.messages.pieces import Pieces
from kernel.runtime.http import Application, Request, Response, Route, Streaming
from kernel.runtime.reader import Reader
from tests.kernel.master.stage import Stage, task

FRAMEWORKS = 20

Answer = Callable[[], Awaitable[Pieces]]


class Figures(Struct, frozen=True):
    name: str
    mib: float
    took_s: float
    loop_held_ms: float
    health_ms: float


def populated(agents_count: int, tasks_each: int) -> Stage:
    """Every agent runs tasks of one framework."""
    stage = Stage()
    stage.master.check_invariants = lambda: None  # type: ignore[method-assign] # not measured
    for at in range(FRAMEWORKS):
        framework = stage.framework(f"f{at}")
        agents = [
            stage.agent("cpus:16;mem:65536;ports:[31000-32000]", hostname=f"h{at}-{number}")
            for number in range(agents_count // FRAMEWORKS)
        ]
        by_id = {agent.agent_id: agent for agent in agents}
        for offer in framework.offers():
            on = by_id.get(offer.agent_id.value)
            if on is None:
                continue  # what others have left; it stays an offer
            names = [f"{offer.id.value}-{n}" for n in range(tasks_each)]
            framework.launch(offer, *(task(name, on, "cpus:0.1;mem:32") for name in names))
        framework.call("SUPPRESS")
    return stage


@contextmanager
def undisturbed() -> Iterator[None]:
    """As a master that has been up for a while: its long-lived objects are not collected anew."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


async def measured(name: str, application: Application, path: str) -> Figures:
    held_ms, health_ms, done = [0.0], [0.0], asyncio.Event()

    async def tick() -> None:
        while not done.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            held_ms[0] = max(held_ms[0], (time.perf_counter() - began) * 1000 - 1)

    async def ask_health() -> None:
        while not done.is_set():
            began = time.perf_counter()
            await fetched(application, "/health")
            health_ms[0] = max(health_ms[0], (time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.005)

    others = [asyncio.create_task(tick()), asyncio.create_task(ask_health())]
    await asyncio.sleep(0.01)
    began = time.perf_counter()
    size = await fetched(application, path)
    took_s = time.perf_counter() - began
    done.set()
    await asyncio.gather(*others)
    return Figures(name, size / 2**20, took_s, held_ms[0], health_ms[0])


async def fetched(application: Application, path: str) -> int:
    """The size of the answer."""
    size = 0

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        nonlocal size
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        size += len(body)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    await application(scope, receive, send)
    return size


def application(stage: Stage) -> Application:
    master, reads = stage.master, stage.master.reads
    reader = Reader(lambda: master.steps)

    def route(path: str, read: Callable[[Reads], object]) -> Route:
        async def handler(request: Request) -> Response | Streaming:
            return Response(200, await reader.share(path, lambda: read(reads)))  # type: ignore

        return Route("GET", path, handler)

    async def health(request: Request) -> Response | Streaming:
        return Response(200)

    return Application(
        routes=[
            Route("GET", "/health", health),
            route("/state", lambda reads: reads.state({})),
            route("/get_state", lambda reads: reads.get_state()),
            route("/state-summary", lambda reads: reads.state_summary("h")),
            route("/slaves", lambda reads: reads.slaves()),
            route("/tasks", lambda reads: reads.tasks(limit=100, offset=50_000)),
            route("/metrics", lambda reads: _metrics(reads)),
        ]
    )


def _metrics(reads: Reads):  # type: ignore[no-untyped-def]
    yield from reads.metrics()
    return Pieces([b"{}"])


async def measure(stage: Stage) -> list[Figures]:
    app = application(stage)
    found = []
    with undisturbed():
        for name, path in (
            ("/state, for the first time", "/state"),
            ("/state, after 1,000 updates", "/state"),
            ("GET_STATE, for the first time", "/get_state"),
            ("GET_STATE, after 1,000 updates", "/get_state"),
            ("/state-summary", "/state-summary"),
            ("/slaves", "/slaves"),
            ("/tasks, a page from the middle", "/tasks"),
            ("/metrics/snapshot", "/metrics"),
        ):
            found.append(await measured(name, app, path))
            stage.master.steps += 1
            records = [
                r for f in stage.master.cluster.frameworks.values() for r in f.tasks.values()
            ]
            for record in records[:: max(1, len(records) // 1000)]:
                stage.master.cluster.note_state(record, record.state)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reads", description=__doc__)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--tasks-each", type=int, default=10)
    flags = parser.parse_args()
    began = time.perf_counter()
    stage = populated(flags.agents, flags.tasks_each)
    cluster = stage.master.cluster
    tasks = sum(len(framework.tasks) for framework in cluster.frameworks.values())
    print(f"{len(cluster.agents)} agents, {tasks} tasks ({time.perf_counter() - began:.0f} s)")
    print(f"{'':<34}{'MiB':>8}{'took s':>9}{'loop held ms':>14}{'health ms':>11}")
    for each in asyncio.run(measure(stage)):
        print(
            f"{each.name:<34}{each.mib:8.1f}{each.took_s:9.2f}{each.loop_held_ms:14.1f}"
            f"{each.health_ms:11.1f}"
        )


if __name__ == "__main__":
    main()
