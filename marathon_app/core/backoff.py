"""Decides how long a failing configuration waits before its next launch.

Keyed by app and configuration; in memory only, so a restarted supervisor tries at once.
Source: Marathon, docs/configure-task-handling.md, RateLimiter.
"""

from msgspec import Struct

from marathon_app.schema.app import App

Key = tuple[str, str]  # app id, config


class _Delay(Struct):
    delay_ms: int
    until_ms: int
    forget_ms: int  # quiet until then: the next failure is a first one again


class Backoff:
    def __init__(self) -> None:
        self._delays: dict[Key, _Delay] = {}

    def fail(self, app: App, config: str, now_ms: int) -> int:
        """Count a failure; return the monotonic time until which to wait."""
        key = (app.id, config)
        last = self._delays.get(key)
        if last is None or now_ms >= last.forget_ms:
            delay_ms = app.backoff_ms
        elif now_ms < last.until_ms:
            delay_ms = last.delay_ms  # several instances of one wave count once
        else:
            delay_ms = int(last.delay_ms * app.backoff_growth)
        delay_ms = min(delay_ms, app.max_launch_delay_ms)
        until_ms = now_ms + delay_ms
        if last is not None and now_ms < last.until_ms:
            until_ms = max(until_ms, last.until_ms)
        self._delays[key] = _Delay(delay_ms, until_ms, until_ms + app.max_launch_delay_ms)
        return until_ms

    def until_ms(self, app_id: str, config: str) -> int:
        """0 when there is nothing to wait for."""
        delay = self._delays.get((app_id, config))
        return delay.until_ms if delay is not None else 0

    def reset(self, app_id: str) -> None:
        for key in [key for key in self._delays if key[0] == app_id]:
            del self._delays[key]
