"""Open pages are told what changed, and nobody is asked while none is open."""

import asyncio
import json

import pytest

from kernel.runtime.http import Request, Response, Streaming
from tests.web.standin import StandIn, World
from web.config import Config
from web.live import Live


def config_of(stand_in: StandIn) -> Config:
    return Config(
        master=stand_in.url("master"),
        marathon=stand_in.url("marathon"),
        chronos=stand_in.url("chronos"),
        lb=stand_in.url("lb"),
    )


def asking(topics: str) -> Request:
    return Request("GET", "/live", {"topics": [topics]}, {}, b"")


async def told(answer: Response | Streaming) -> list[str]:
    """The topics of the next message."""
    assert isinstance(answer, Streaming)
    async for chunk in answer.stream.chunks():
        for line in chunk.decode().splitlines():
            if line.startswith("data: "):
                return list(json.loads(line[6:])["topics"])
    raise AssertionError("the stream ended")


def test_a_page_hears_of_its_own_topics_only() -> None:
    stand_in = StandIn(World(3))

    async def scenario() -> tuple[list[str], list[str]]:
        live = Live(config_of(stand_in))
        jobs, apps = await live.listen(asking("jobs")), await live.listen(asking("apps"))
        first = await asyncio.wait_for(told(apps), 10)
        await asyncio.sleep(0)
        stand_in.world.add_run("ping", 0, None)
        second = await asyncio.wait_for(told(jobs), 10)
        await live.stop()
        return first, second

    try:
        assert asyncio.run(scenario()) == (["apps"], ["jobs"])
    finally:
        stand_in.close()


def test_a_part_that_falls_is_a_change() -> None:
    stand_in = StandIn(World(1))

    async def scenario() -> list[str]:
        live = Live(config_of(stand_in))
        page = await live.listen(asking("agents"))
        while not any(line.endswith("/master/state") for line in stand_in.requests):
            await asyncio.sleep(0.01)
        stand_in.down = {"master"}
        heard = await asyncio.wait_for(told(page), 10)
        await live.stop()
        return heard

    try:
        assert asyncio.run(scenario()) == ["agents"]
    finally:
        stand_in.close()


@pytest.mark.parametrize("topics", ["", "everything", "apps'"])
def test_an_unknown_topic_is_refused(topics: str) -> None:
    async def scenario() -> Response | Streaming:
        return await Live(Config()).listen(asking(topics))

    answer = asyncio.run(scenario())

    assert isinstance(answer, Response)
    assert answer.status == 400
