"""Real servers for tests, from Debian's packages: Redis, and an ensemble of ZooKeepers.

Each listens on loopback on a free port in a fresh directory, and ends with its test.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from tests.processes import free_port, wait_until

TICK_MS = 200  # sessions may be 2 to 20 ticks long
_JAR = "/usr/share/java/zookeeper.jar"  # names the others that it needs


class Server:
    """One process and how to reach it."""

    def __init__(self, words: Sequence[str], port: int, directory: Path) -> None:
        self.port = port
        self._words = list(words)
        self._directory = directory
        self.process = self._spawn()

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with (self._directory / "log").open("ab") as log:
            return subprocess.Popen(
                self._words, cwd=self._directory, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """As if the machine's power went."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def restart(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self.process = self._spawn()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.go_on()
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.kill()

    def serves(self) -> bool:
        """A ZooKeeper: whether it belongs to a majority."""
        return _answers(self.port, b"srvr", (b"Mode:",))

    def log_text(self) -> str:
        return (self._directory / "log").read_text(errors="replace")


@contextmanager
def redis_server(directory: Path, *settings: str, keeps: bool = True) -> Iterator[Server]:
    """`settings` are more words of its command line; `keeps` asks for the append-only file."""
    program = shutil.which("redis-server")
    assert program, "install Redis (Debian: apt-get install redis-server)"
    port = free_port()
    keep = ("--appendonly", "yes", "--appendfsync", "always") if keeps else ("--appendonly", "no")
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", *keep, *settings]
    server = Server(words, port, directory)
    try:
        wait_until(lambda: _answers(port, b"PING\r\n", (b"+PONG", b"-NOAUTH")), timeout_s=20)
        yield server
    finally:
        server.stop()


@contextmanager
def zookeepers(directory: Path, count: int = 3) -> Iterator[list[Server]]:
    """An ensemble that serves; its sessions may be as short as 0.4 s."""
    assert Path(_JAR).exists(), "install ZooKeeper (Debian: apt-get install zookeeper)"
    ports = [(free_port(), free_port(), free_port()) for _ in range(count)]
    members = "".join(
        f"server.{number}=127.0.0.1:{peer}:{vote}\n"
        for number, (_, peer, vote) in enumerate(ports, 1)
    )
    servers: list[Server] = []
    try:
        for number, (port, _, _) in enumerate(ports, 1):
            servers.append(_zookeeper(directory / f"zk{number}", number, port, members))
        for server in servers:
            wait_until(server.serves, timeout_s=60)
        yield servers
    finally:
        for server in servers:
            server.stop()


def is_zookeeper_leader(server: Server) -> bool:
    return _answers(server.port, b"srvr", (b"Mode: leader",))


def _zookeeper(home: Path, number: int, port: int, members: str) -> Server:
    (home / "data").mkdir(parents=True)
    (home / "data" / "myid").write_text(f"{number}\n")
    (home / "zoo.cfg").write_text(
        f"tickTime={TICK_MS}\ninitLimit=20\nsyncLimit=10\ndataDir={home}/data\n"
        f"clientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
        f"maxClientCnxns=0\nforceSync=yes\n{members}"
    )
    (home / "log4j.properties").write_text(
        "log4j.rootLogger=WARN, out\nlog4j.appender.out=org.apache.log4j.ConsoleAppender\n"
        "log4j.appender.out.layout=org.apache.log4j.PatternLayout\n"
        "log4j.appender.out.layout.ConversionPattern=%d %p %c{1} %m%n\n"
    )
    words = [
        "java", "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{home}:{_JAR}",
        "org.apache.zookeeper.server.quorum.QuorumPeerMain", str(home / "zoo.cfg"),
    ]  # fmt: skip
    return Server(words, port, home)


def _answers(port: int, question: bytes, answers: tuple[bytes, ...]) -> bool:
    try:
        with closing(socket.create_connection(("127.0.0.1", port), timeout=2)) as connection:
            connection.sendall(question)
            got = connection.recv(4096)
            return any(answer in got for answer in answers)
    except OSError:
        return False
