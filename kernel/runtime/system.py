"""What tools ask of the process and its machine: how much it logs, and how loaded the machine is.

Levels are Mesos's, which are those of glog: 0 as configured, anything above says more. Source:
Mesos, docs/endpoints/logging/toggle.md, system/stats.json.md; recordings v0-logging-toggle,
v0-system-stats.
"""

import asyncio
import logging
import os
from typing import Any

from kernel.messages.operator_calls import SetLoggingLevel
from kernel.model.durations import DurationMalformed, parse_duration_ms
from kernel.runtime.call_form import refuse
from kernel.runtime.http import Request, Response

LEVEL_MAX = 2**31 - 1
FOREVER_NS = 10**18  # some thirty years; more is no number that a timer takes


class LoggingLevel:
    """Of this process. Belongs to the loop."""

    def __init__(self) -> None:
        self._configured = logging.getLogger().level
        self._back: asyncio.TimerHandle | None = None
        self.level = 0

    def set(self, level: int, duration_s: float) -> None:
        """For so long, then as configured; the last who asks decides."""
        if self._back is not None:
            self._back.cancel()
        self.level = level
        more = min(self._configured, logging.DEBUG)
        logging.getLogger().setLevel(more if level else self._configured)
        self._back = asyncio.get_running_loop().call_later(duration_s, self._reset)

    def _reset(self) -> None:
        self._back = None
        self.level = 0
        logging.getLogger().setLevel(self._configured)

    def carry_out(self, call: SetLoggingLevel | None) -> Response:
        """SET_LOGGING_LEVEL."""
        assert call is not None, "its form has been checked"
        self.set(call.level, min(call.duration.nanoseconds, FOREVER_NS) / 1e9)
        return Response(200)

    async def toggle(self, request: Request) -> Response:
        """/logging/toggle: shows the level, or sets it with `level` and `duration`."""
        level, duration = request.first("level"), request.first("duration")
        if not level and not duration:
            return Response(200, f"{self.level}\n".encode(), "text/plain; charset=utf-8")
        if not level:
            return refuse(400, "Expecting 'level=value' in query.\n")
        if not duration:
            return refuse(400, "Expecting 'duration=value' in query.\n")
        if not level.isdecimal() or int(level) > LEVEL_MAX:
            return refuse(400, f"Invalid level '{level[:20]}'.\n")
        try:
            self.set(int(level), min(parse_duration_ms(duration), FOREVER_NS // 10**6) / 1000)
        except DurationMalformed as error:
            return refuse(400, f"Invalid duration '{duration[:40]}': {error}.\n")
        return Response(200)


def system_stats() -> dict[str, Any]:
    """/system/stats.json."""
    load_1, load_5, load_15 = os.getloadavg()
    page = os.sysconf("SC_PAGE_SIZE")
    free = os.sysconf("SC_AVPHYS_PAGES") if "SC_AVPHYS_PAGES" in os.sysconf_names else 0
    return {
        "avg_load_1min": load_1,
        "avg_load_5min": load_5,
        "avg_load_15min": load_15,
        "cpus_total": os.cpu_count() or 1,
        "mem_total_bytes": page * os.sysconf("SC_PHYS_PAGES"),
        "mem_free_bytes": page * free,
    }
