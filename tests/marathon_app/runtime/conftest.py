"""A Marathon for each test module that asks for one; tests keep apart by the ids of their apps."""

from collections.abc import Iterator

import pytest

from tests.marathon_app.runtime.process import MarathonProcess


@pytest.fixture(scope="module")
def marathon() -> Iterator[MarathonProcess]:
    with MarathonProcess() as process:
        yield process
