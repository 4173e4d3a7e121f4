"""`/metrics/snapshot`: what the machine counts, and what only the shell can know or measure.

Names are Mesos's, where Mesos has the like; nothing is shown that is not counted.
Source: recording v0-metrics-snapshot; mesos.md §1.1.
"""

from collections.abc import Mapping

from kernel.machine import Now
from kernel.master.master import Master
from kernel.master.rate_limits import Throttle
from kernel.runtime.clock import Clock
from kernel.runtime.master.streams import Streams
from kernel.runtime.reader import Reading
from kernel.runtime.system import system_stats
from kernel.runtime.timings import Timings


class Metrics:
    """One per process."""

    def __init__(
        self,
        machine: Master,
        streams: Streams,
        throttle: Throttle,
        clock: Clock,
        started: Now,
        timings: Mapping[str, Timings],
    ) -> None:
        self._timings = timings
        self._machine = machine
        self._streams = streams
        self._throttle = throttle
        self._clock = clock
        self._started = started

    def read(self) -> Reading[dict[str, float]]:
        """All of it."""
        shown = yield from self._machine.reads.metrics()
        frameworks = self._machine.cluster.frameworks.values()
        principals = {f.info.principal: None for f in frameworks if f.info.principal}
        up_ms = self._clock.now().mono_ms - self._started.mono_ms
        return {
            **shown,
            "master/event_streams_dropped": float(self._streams.dropped_count),
            "master/uptime_secs": up_ms / 1000,
            **self._throttle.counts(principals),
            **{k: v for name, each in self._timings.items() for k, v in each.shown(name).items()},
            **_of_the_host(),
        }


def _of_the_host() -> dict[str, float]:
    stats = system_stats()
    names = {"avg_load_1min": "load_1min", "avg_load_5min": "load_5min"}
    names |= {"avg_load_15min": "load_15min", "cpus_total": "cpus_total"}
    names |= {"mem_free_bytes": "mem_free_bytes", "mem_total_bytes": "mem_total_bytes"}
    return {f"system/{name}": float(stats[key]) for key, name in names.items() if key in stats}
