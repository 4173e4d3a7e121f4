"""The one place where the time is read."""

import time

from kernel.machine import Now


class Clock:
    """Monotonic and wall time, in whole milliseconds; the monotonic one is asyncio's own."""

    def now(self) -> Now:
        return Now(int(time.monotonic() * 1000), int(time.time() * 1000))
