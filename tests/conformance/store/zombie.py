"""A leader in a process of its own that writes as fast as it can: for tests that stop and wake it.

`python -m tests.conformance.store.zombie URL NAME [deaf] [MUTANT]`: prints `leads EPOCH`, then
`wrote N` for each commit, and `refused ANSWER` for each that is none. Ends with status 70 when
leadership is lost; a deaf one says `lost` and goes on trying.
"""

import os
import sys

from kernel.machine import Put
from kernel.store import open_store
from kernel.store.interface import Committed
from tests.conformance.store.mutants import OF_ZOMBIES

EXIT_LOST = 70


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def lose(reason: str) -> None:
    say(f"lost {reason}")
    os._exit(EXIT_LOST)


def shrug(reason: str) -> None:
    say(f"lost {reason}")


def main(url: str, name: str, *words: str) -> None:
    is_deaf = "deaf" in words
    planted = [OF_ZOMBIES[word]() for word in words if word != "deaf"]
    for mutant in planted:
        mutant.__enter__()
    store = open_store(url, name)
    term = store.lead("zombie", address="127.0.0.1:1", on_lost=shrug if is_deaf else lose)
    say(f"leads {term.epoch}")
    number = 0
    while True:
        number += 1
        result = store.commit(term, [Put("zombie", "last", str(number).encode())])
        say(f"wrote {number}" if isinstance(result, Committed) else f"refused {result}")


if __name__ == "__main__":
    main(*sys.argv[1:])
