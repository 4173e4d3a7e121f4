"""A runner on a bench: orders go in, news come out, without an agent. Real processes throughout."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from kernel.runtime.agent import cgroups
from kernel.runtime.agent.runner_link import RunnerLink

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Bench:
    """Holds the link, the news by run, and the directories."""

    def __init__(self, directory: Path, groups_name: str = "") -> None:
        self.directory = directory
        self._groups_name = groups_name or "tepui-test-" + directory.name[-24:]
        self.news: dict[str, list[dict[str, Any]]] = {}
        self.attached = 0
        self.changed = asyncio.Event()
        self.notes: dict[str, Any] = {}
        self.link = self._link()
        self._task = asyncio.create_task(self.link.run())

    def _link(self) -> RunnerLink:
        return RunnerLink(
            self.directory / "runner",
            self._groups_name,
            on_attached=self._on_attached,
            on_news=self._on_news,
        )

    def _on_attached(self, news: dict[str, Any]) -> None:
        self.attached += 1
        self.notes = news
        self.changed.set()

    def _on_news(self, news: dict[str, Any]) -> None:
        self.news.setdefault(news["run"], []).append(news)
        self.changed.set()

    async def until(self, claim: Callable[[], bool], timeout_s: float = 20) -> None:
        async with asyncio.timeout(timeout_s):
            while not claim():
                self.changed.clear()
                await self.changed.wait()

    async def attach(self) -> None:
        await self.until(lambda: self.attached > 0)

    def order(self, run: str, do: str = "start", **more: Any) -> dict[str, Any]:
        record, sandbox = self.directory / "record" / run, self.directory / "sandbox" / run
        record.mkdir(parents=True, exist_ok=True)
        sandbox.mkdir(parents=True, exist_ok=True)
        environment = {**ENVIRONMENT, "MESOS_SANDBOX": str(sandbox), **more.pop("environment", {})}
        return {
            **{"do": do, "run": run, "record": str(record), "sandbox": str(sandbox)},
            **{"environment": environment, "limits": {"cpu": 100, "memory": 64 << 20, "pids": 100}},
            **more,
        }

    def start(self, run: str, command: str, **more: Any) -> None:
        self.link.send(self.order(run, argv=["/bin/sh", "-c", command], **more))

    def said(self, run: str, word: str) -> dict[str, Any] | None:
        return next((news for news in self.news.get(run, []) if news["is"] == word), None)

    async def hear(self, run: str, word: str) -> dict[str, Any]:
        await self.until(lambda: self.said(run, word) is not None)
        return self.said(run, word) or {}

    def output(self, run: str) -> str:
        return (self.directory / "sandbox" / run / "stdout").read_text()

    async def lose_agent(self) -> None:
        """As if the agent were killed: the connection breaks, nothing is said."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.news, self.attached = {}, 0
        process = self.link.process
        self.link = self._link()
        self.link.process = process  # still our child, so still ours to reap

    def come_back(self) -> None:
        self._task = asyncio.create_task(self.link.run())

    async def close(self) -> None:
        await self.link.shut_down(10)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def on_bench(
    directory: Path, act: Callable[[Bench], Awaitable[None]], groups_name: str = ""
) -> None:
    """Run `act` with an attached runner; end the runner and all its tasks afterwards."""

    async def whole() -> None:
        bench = Bench(directory, groups_name)
        try:
            await bench.attach()
            await act(bench)
        finally:
            await bench.close()

    asyncio.run(whole())


def memory_is_limited() -> bool:
    """Whether this machine lets us use memory control groups."""
    isolation = cgroups.detect("tepui-test-probe")
    cgroups.remove({base: base for base in isolation.bases()})
    return isolation.enforces("memory")


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def kill_hard(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
