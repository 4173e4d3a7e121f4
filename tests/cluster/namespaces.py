"""Machines of their own on one machine: network namespaces on a bridge, whose links can be cut.

Needs the right to make them (root, or CAP_SYS_ADMIN and CAP_NET_ADMIN), iproute2 and util-linux.
A link is cut one way by a neighbour's address that nobody has: what is sent there is lost without
a word, as in a broken network. Source: the project's reliability notes §0; ip-neighbour(8).
"""

import ctypes
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.parts import Part

NOBODY = "02:00:00:00:00:99"
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class NoRights(Exception):
    """The text says what is missing."""


class Net:
    """One bridge, and nodes `10.77.0.N` that hang on it."""

    def __init__(self) -> None:
        self._name = f"tepui{os.getpid()}"
        self._made: list[str] = []
        self._addresses: dict[str, str] = {}
        self.hub = self.space("hub")

    def start(self) -> None:
        self._make("hub")
        self._ip("-n", self.hub, "link", "add", "br0", "type", "bridge")
        self._ip("-n", self.hub, "link", "set", "dev", "br0", "up")

    def add(self, node: str) -> str:
        """Make a node; its address."""
        address = f"10.77.0.{len(self._addresses) + 1}"
        space = self._make(node)
        self._ip("-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", node,
                 "netns", self.hub)  # fmt: skip
        self._ip("-n", self.hub, "link", "set", "dev", node, "master", "br0", "up")
        self._ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._ip("-n", space, "link", "set", "dev", device, "up")
        self._addresses[node] = address
        return address

    def space(self, node: str) -> str:
        return f"{self._name}-{node}"

    def cut(self, node: str) -> None:
        """Both ways, as if the cable were pulled at the switch."""
        self._ip("-n", self.hub, "link", "set", "dev", node, "down")

    def mute(self, node: str, towards: str) -> None:
        """What `node` sends to the other is lost; the other way stays."""
        self._ip("-n", self.space(node), "neighbour", "replace", self._addresses[towards],
                 "lladdr", NOBODY, "nud", "permanent", "dev", "eth0")  # fmt: skip

    def heal(self, node: str, towards: str) -> None:
        self._ip("-n", self.hub, "link", "set", "dev", node, "up")
        for one, other in ((node, towards), (towards, node)):
            subprocess.run(
                ["ip", "-n", self.space(one), "neighbour", "delete", self._addresses[other],
                 "dev", "eth0"], capture_output=True,
            )  # fmt: skip

    def close(self) -> None:
        for space in reversed(self._made):
            subprocess.run(["ip", "netns", "delete", space], capture_output=True)

    def _make(self, node: str) -> str:
        space = self.space(node)
        try:
            self._ip("netns", "add", space)
        except (FileNotFoundError, AssertionError) as error:
            raise NoRights(f"can't make one: {error}") from error
        self._made.append(space)
        return space

    def _ip(self, *words: str) -> None:
        done = subprocess.run(["ip", *words], capture_output=True, text=True)
        assert done.returncode == 0, f"`ip {' '.join(words)}`: {done.stderr.strip()}"


@contextmanager
def network() -> Iterator[Net]:
    """Raises `NoRights`. Whatever happens, no namespace stays."""
    net = Net()
    try:
        net.start()
        yield net
    finally:
        net.close()


@contextmanager
def inside(space: str) -> Iterator[None]:
    """This thread's new sockets belong to that namespace."""
    with (
        Path(f"/var/run/netns/{space}").open() as there,
        Path("/proc/thread-self/ns/net").open() as here,
    ):
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(here.fileno())


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Inhabitant(Part):
    """A part on a machine of its own. `nsenter` leaves the mounts as they are; `ip netns exec`
    would hide the control groups from an agent."""

    def __init__(
        self, module: str, words: list[str], directory: Path, space: str, host: str
    ) -> None:
        self._space = space
        prefix = ("nsenter", f"--net=/var/run/netns/{space}", "--")
        super().__init__(module, words, directory, host=host, prefix=prefix)

    def ask(
        self, method: str, path: str, body: object = None, timeout_s: float = 30
    ) -> tuple[int, object, dict[str, str]]:
        with inside(self._space):
            return super().ask(method, path, body, timeout_s)

    def shut_down(self) -> None:
        """The call is taken on loopback only; gunicorn passes the signal on to the agent."""
        os.kill(self.process.pid, signal.SIGUSR1)
