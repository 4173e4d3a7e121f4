"""pymesos as it was published. Source: mesos.md §2.11."""

import importlib
import importlib.util
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

STAND_IN = Path(__file__).parent / "stand_in"  # of http-parser


@pytest.fixture(scope="module")
def pymesos() -> Iterator[Any]:
    if importlib.util.find_spec("pymesos") is None:
        pytest.skip(f"pip install --no-deps -r {Path(__file__).parent / 'requirements.txt'}")
    on_interrupt = signal.getsignal(signal.SIGINT)  # pymesos puts its own in place
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(STAND_IN))
        yield importlib.import_module("pymesos")
    signal.signal(signal.SIGINT, on_interrupt)
