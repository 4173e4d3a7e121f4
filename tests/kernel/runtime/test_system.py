"""How much is logged can be changed for a while.

Source: Mesos, docs/endpoints/logging/toggle.md.
"""

import asyncio
import logging

import pytest

from kernel.messages.operator_calls import SetLoggingLevel
from kernel.messages.v1 import DurationInfo
from kernel.runtime.http import Request, Response
from kernel.runtime.system import LoggingLevel, system_stats


def toggled(query: dict[str, str]) -> Response:
    asked = {name: [value] for name, value in query.items()}
    request = Request("GET", "/logging/toggle", asked, {}, b"")
    return asyncio.run(LoggingLevel().toggle(request))


def test_the_level_is_changed_and_comes_back() -> None:
    before = logging.getLogger().level

    async def live() -> None:
        level = LoggingLevel()
        level.carry_out(SetLoggingLevel(level=2, duration=DurationInfo(10_000_000)))
        assert (level.level, logging.getLogger().level) == (2, logging.DEBUG)
        while level.level:
            await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(live(), 10))
    assert logging.getLogger().level == before


def test_a_duration_beyond_all_timers_is_as_long_as_one_can_be() -> None:
    before = logging.getLogger().level

    async def live() -> None:
        level = LoggingLevel()
        duration = DurationInfo(10**400)
        assert level.carry_out(SetLoggingLevel(level=2, duration=duration)).status == 200
        assert level.level == 2

    asyncio.run(live())
    logging.getLogger().setLevel(before)


def test_the_level_is_shown_as_text() -> None:
    """Source: recording v0-logging-toggle."""
    answer = toggled({})

    assert (answer.status, answer.body) == (200, b"0\n")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"level": "1"}, b"Expecting 'duration=value' in query.\n"),
        ({"duration": "1secs"}, b"Expecting 'level=value' in query.\n"),
        ({"level": "-1", "duration": "1secs"}, b"Invalid level '-1'.\n"),
        ({"level": "1", "duration": "soon"}, b"Invalid duration 'soon'"),
    ],
)
def test_what_makes_no_sense_is_refused(query: dict[str, str], problem: bytes) -> None:
    answer = toggled(query)

    assert answer.status == 400
    assert isinstance(answer.body, bytes) and answer.body.startswith(problem)


def test_the_machine_has_memory_and_cpus() -> None:
    """Source: recording v0-system-stats."""
    stats = system_stats()

    assert stats["cpus_total"] >= 1
    assert 0 < stats["mem_free_bytes"] <= stats["mem_total_bytes"]
