"""What every test with real processes needs: a free port, and to wait for a thing to be so."""

import os
import random
import socket
import time
from collections.abc import Callable

# Below the ephemeral range, so that no outgoing connection of anybody takes one meanwhile; apart
# from the ranges that whole clusters take (`tests.cluster`), and never the same one twice.
# Runs side by side have ranges of their own.
_FIRST, _LAST = map(int, os.environ.get("TEPUI_TEST_PORTS", "12000-19999").split("-"))
_given: set[int] = set()
_chance = random.Random(f"{os.getpid()} {time.monotonic_ns()}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now, and that was not given out before."""
    while True:
        port = _chance.randint(_FIRST, _LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def wait_until(holds: Callable[[], object], timeout_s: float, what: str = "") -> None:
    """Return as soon as `holds()` is true; fail with `what` after `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"not within {timeout_s} s: {what or holds}"
        time.sleep(0.01)
