"""What every test with real processes needs: a free port, and to wait for a thing to be so."""

import socket
import time
from collections.abc import Callable


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], object], timeout_s: float, what: str = "") -> None:
    """Return as soon as `holds()` is true; fail with `what` after `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what or holds}"
        time.sleep(0.01)
