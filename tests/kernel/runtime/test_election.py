"""Who is elected and can't begin: what passes is tried again, what does not ends the server."""

import subprocess
import sys

import pytest

from kernel.runtime.driver import EXIT_STORE_LOST
from kernel.runtime.election import EXIT_STORE

#: A store that can be led and whose records can't be read.
PROGRAM = """
import asyncio, sys
from kernel.runtime.election import Candidate
from kernel.runtime.http import Application
from kernel.store import interface
from kernel.store.memory import MemoryStore

class Unreadable(MemoryStore):
    is_shared = True
    def load(self):
        raise getattr(interface, sys.argv[1])("the records can't be read")

async def main():
    candidate = Candidate(Unreadable(), "one", "h:1", lambda term, records: None)
    candidate.join(Application(), None)
    await candidate.start()
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("StoreUnreachable", EXIT_STORE_LOST),
        ("StoreHeld", EXIT_STORE_LOST),
        ("StoreMalformed", EXIT_STORE),
    ],
)
def test_a_store_that_is_away_for_a_moment_ends_no_server_for_good(error: str, status: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, error], capture_output=True, timeout=30, check=False
    )

    assert done.returncode == status
    assert b"can't be read" in done.stderr
