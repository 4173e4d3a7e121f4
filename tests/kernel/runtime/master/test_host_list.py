"""The file of hosts is followed: what it has, what it gets, and nothing while it can't be read."""

import asyncio
from pathlib import Path

import pytest

from kernel.runtime.master.config import HOSTS_FLAG, MasterConfig, problem_with
from kernel.runtime.master.host_list import keep_reading, read_hosts
from tests.kernel.runtime.master.live import LiveAgent, LiveScheduler, live_master


def test_a_name_a_line_and_each_once(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("b\n\n a \nb\n")

    assert read_hosts(f"file://{file}") == ("b", "a")


def test_changes_are_told_and_a_missing_file_changes_nothing(tmp_path: Path) -> None:
    asyncio.run(follow(tmp_path / "hosts"))


async def follow(file: Path) -> None:
    file.write_text("a\n")
    told: asyncio.Queue[tuple[str, ...]] = asyncio.Queue()
    reading = asyncio.create_task(keep_reading(str(file), told.put_nowait, interval_s=0.01))

    assert await asyncio.wait_for(told.get(), 5) == ("a",)
    file.unlink()
    new = file.with_suffix(".new")
    new.write_text("a\nb\n")
    new.rename(file)
    assert await asyncio.wait_for(told.get(), 5) == ("a", "b")
    reading.cancel()


def test_a_file_that_is_not_there_is_refused_at_the_start(tmp_path: Path) -> None:
    config = MasterConfig(**{HOSTS_FLAG: str(tmp_path / "none")})
    problem = problem_with(config)

    assert problem is not None and problem.endswith("can't be read: No such file or directory")
    assert problem_with(MasterConfig(**{HOSTS_FLAG: "*"})) is None


@pytest.mark.parametrize(("listed", "is_offered"), [("localhost", True), ("elsewhere", False)])
def test_a_master_offers_agents_of_listed_hosts(
    tmp_path: Path, listed: str, is_offered: bool
) -> None:
    file = tmp_path / "hosts"
    file.write_text(f"{listed}\n")
    with live_master(tmp_path / "master", f"--{HOSTS_FLAG}", str(file)) as master:
        LiveAgent(master)
        framework = LiveScheduler(master)
        body = {"type": "EXPLAIN", "explain": {"framework_id": {"value": framework.framework_id}}}
        if is_offered:
            assert framework.offer()["hostname"] == "localhost"
            return
        answer = master.request("POST", "/api/v1", body, {"Content-Type": "application/json"})
        sentences = answer.json()["explain"]["sentences"]
        assert any("list of hosts to offer" in text for text in sentences), sentences
