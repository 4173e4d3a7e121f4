"""A small true Marathon, as a load balancer sees it: apps, events and the drain contract."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.lb.small_web import Web


@dataclass
class FakeMarathon:
    """Apps are plain JSON objects; whoever changes one says which event that is."""

    apps: dict[str, dict[str, Any]] = field(default_factory=dict)
    port: int = 0
    drained: dict[str, str] = field(default_factory=dict)  # task id -> by whom
    fetches: int = 0
    _news: asyncio.Condition | None = None
    _streams: dict[asyncio.StreamWriter, str] = field(default_factory=dict)
    _server: asyncio.Server | None = None

    async def start(self) -> "FakeMarathon":
        self._news = asyncio.Condition()
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._streams):
            writer.transport.abort()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def followers(self) -> list[str]:
        return list(self._streams.values())

    def app(self, app_id: str, port: int, **more: Any) -> dict[str, Any]:
        self.apps[app_id] = {
            "id": app_id,
            "labels": {},
            "portDefinitions": [{"port": port}],
            "healthChecks": [{"protocol": "HTTP", "path": "/health", "portIndex": 0}],
            "tasks": [],
            **more,
        }
        return self.apps[app_id]

    def task(self, app_id: str, web: Web, task_id: str = "", alive: bool = True) -> str:
        task_id = task_id or f"{app_id.strip('/').replace('/', '_')}.{web.name}"
        self.apps[app_id]["tasks"].append(
            {
                "id": task_id,
                "appId": app_id,
                "host": "127.0.0.1",
                "ports": [web.port],
                "state": "TASK_RUNNING",
                "healthCheckResults": [{"alive": alive}],
            }
        )
        return task_id

    def emit(self, event_type: str, **more: Any) -> None:
        data = json.dumps({"eventType": event_type, **more})
        for writer in list(self._streams):
            writer.write(f"event: {event_type}\ndata: {data}\n\n".encode())

    def post(self, app_id: str) -> None:
        self.emit("api_post_event", appDefinition={"id": app_id})

    def healthy(self, app_id: str) -> None:
        self.emit("health_status_changed_event", appId=app_id, alive=True)

    async def kill(self, app_id: str, task_id: str, within_s: float = 10) -> float:
        """The drain contract: announce, wait for all, and only then take the task away."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        task = next(t for t in self.apps[app_id]["tasks"] if t["id"] == task_id)
        task["state"] = "TASK_KILLING"
        self.emit("status_update_event", taskId=task_id, taskStatus="TASK_KILLING", appId=app_id)
        assert self._news is not None
        async with asyncio.timeout(within_s), self._news:
            await self._news.wait_for(lambda: task_id in self.drained)
        return loop.time() - began

    def gone(self, app_id: str, task_id: str) -> None:
        tasks = self.apps[app_id]["tasks"]
        self.apps[app_id]["tasks"] = [task for task in tasks if task["id"] != task_id]
        self.emit("status_update_event", taskId=task_id, taskStatus="TASK_KILLED", appId=app_id)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split("\r\n", 1)[0].split()
                length = next(
                    (
                        int(line.partition(":")[2])
                        for line in head.split("\r\n")
                        if line.lower().startswith("content-length:")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                url = urlsplit(target)
                if url.path == "/v2/events":
                    await self._follow(writer, parse_qs(url.query))
                    return
                await self._answer(writer, method, url.path, body)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            self._streams.pop(writer, None)
            writer.close()

    async def _follow(self, writer: asyncio.StreamWriter, query: Mapping[str, list[str]]) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        self._streams[writer] = query["drain"][0]
        while not writer.is_closing():
            writer.write(b"\r\n")
            await writer.drain()
            await asyncio.sleep(5)

    async def _answer(
        self, writer: asyncio.StreamWriter, method: str, path: str, body: bytes
    ) -> None:
        status, answer = 404, b"{}"
        if (method, path) == ("GET", "/v2/apps"):
            self.fetches += 1
            status, answer = 200, json.dumps({"apps": list(self.apps.values())}).encode()
        elif (method, path) == ("POST", "/v3/drained"):
            status, answer = 204, b""
            told = json.loads(body)
            assert self._news is not None
            async with self._news:
                self.drained |= dict.fromkeys(told["taskIds"], told["lb"])
                self._news.notify_all()
        writer.write(
            b"HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % (status, len(answer))
            + answer
        )
        await writer.drain()
