"""Open pages are told what changed, and nobody is asked while none is open."""

import asyncio
import json

import pytest

from kernel.runtime.http import Request, Response, Streaming
from tests.web.standin import StandIn, World
from web.client import PartDown
from web.config import Config
from web.live import Live
from web.parts import Parts


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
        live = Live(config_of(stand_in), lambda: None)
        jobs, apps = await live.listen(asking("jobs")), await live.listen(asking("apps"))
        first = await asyncio.wait_for(told(apps), 10)
        assert await asyncio.wait_for(told(jobs), 10) == ["jobs"]
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
        live = Live(config_of(stand_in), lambda: None)
        page = await live.listen(asking("agents"))
        await asyncio.wait_for(told(page), 10)
        stand_in.down = {"master"}
        heard = await asyncio.wait_for(told(page), 10)
        await live.stop()
        return heard

    try:
        assert asyncio.run(scenario()) == ["agents"]
    finally:
        stand_in.close()


def test_a_page_that_was_told_never_reads_what_was_before() -> None:
    """The client remembers answers for up to a second; a change must end that at once."""
    stand_in = StandIn(World(1))
    mesos = Parts(config_of(stand_in)).mesos

    async def scenario() -> None:
        live = Live(config_of(stand_in), mesos.part.forget)
        page = await live.listen(asking("agents"))
        await asyncio.wait_for(told(page), 10)
        await asyncio.to_thread(mesos.state)
        stand_in.down = {"master"}
        await asyncio.wait_for(told(page), 10)
        with pytest.raises(PartDown):
            await asyncio.to_thread(mesos.state)
        await live.stop()

    try:
        asyncio.run(scenario())
    finally:
        stand_in.close()


@pytest.mark.parametrize("topics", ["", "everything", "apps'"])
def test_an_unknown_topic_is_refused(topics: str) -> None:
    async def scenario() -> Response | Streaming:
        return await Live(Config(), lambda: None).listen(asking(topics))

    answer = asyncio.run(scenario())

    assert isinstance(answer, Response)
    assert answer.status == 400
