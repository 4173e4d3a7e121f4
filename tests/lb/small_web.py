"""A tiny HTTP/1.1 server and tiny clients, on the test's own loop; used as tasks and as users."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Web:
    """One task's server: answers with its name; `kill` is what SIGKILL would do."""

    name: str
    delay_s: float = 0.0
    port: int = 0
    served: int = 0
    _server: asyncio.Server | None = None
    _writers: dict[asyncio.StreamWriter, None] = field(default_factory=dict)

    async def start(self) -> "Web":
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, backlog=1000)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def kill(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers[writer] = None
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                body = f"{self.name} {head.split()[1].decode()}\n".encode()
                self.served += 1
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.pop(writer, None)
            writer.close()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


async def exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    path: str = "/",
    host: str = "localhost",
    close: bool = False,
    headers: str = "",
) -> Answer:
    ending = "Connection: close\r\n" if close else ""
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{ending}\r\n".encode())
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    fields = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines}
    length = fields.get("content-length")
    body = await reader.readexactly(int(length)) if length else await reader.read()
    return Answer(int(first.split()[1]), fields, body)


async def get(port: int, path: str = "/", host: str = "localhost", headers: str = "") -> Answer:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return await exchange(reader, writer, path, host, close=True, headers=headers)
    finally:
        writer.close()


@dataclass
class Load:
    """One client that asks for ever; a request fails if it is sent and not answered with 200."""

    port: int
    host: str = "localhost"
    keep_alive: bool = True
    pause_s: float = 0.005
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)
    _pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        try:
            while True:
                try:
                    await self._ask()
                except (OSError, asyncio.IncompleteReadError) as problem:
                    self.failures.append(repr(problem))
                    self._hang_up()
                await asyncio.sleep(self.pause_s)
        finally:
            self._hang_up()

    async def _ask(self) -> None:
        if self._pair is not None and self._pair[0].at_eof():
            self._hang_up()  # closed while idle, as any server may; every client notices
        if self._pair is None:
            self._pair = await asyncio.open_connection("127.0.0.1", self.port)
        answer = await exchange(*self._pair, host=self.host, close=not self.keep_alive)
        if answer.status != 200:
            self.failures.append(f"{answer.status} {answer.text[:80]}")
        self.answered += 1
        name = answer.text.split()[0]
        self.names[name] = self.names.get(name, 0) + 1
        if not self.keep_alive or answer.headers.get("connection") == "close":
            self._hang_up()

    def _hang_up(self) -> None:
        if self._pair is not None:
            self._pair[1].close()
        self._pair = None


async def until(
    claim: Callable[[], Awaitable[bool]], within_s: float = 10, every_s: float = 0.01
) -> float:
    """Wait until the claim holds; how long that took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        try:
            if await claim():
                return loop.time() - began
        except (OSError, asyncio.IncompleteReadError):
            pass
        if loop.time() - began > within_s:
            raise AssertionError(f"did not come true within {within_s} s: {claim}")
        await asyncio.sleep(every_s)
