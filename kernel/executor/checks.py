"""The life of a health check and of a check: when to probe, what a result means.

A health check may give a task up, a check only tells. The probing itself is
`kernel.runtime.agent.probes`'. Source: Mesos, src/checks/{health_,}checker.cpp.
"""

from enum import Enum

from msgspec import Struct

from kernel.messages.v1 import (
    CheckInfo,
    CheckStatusInfo,
    CommandResult,
    HealthCheck,
    HttpResult,
    TcpResult,
)


class Verdict(Enum):
    """What one result changes."""

    NOTHING = "nothing"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    HOPELESS = "hopeless"  # unhealthy, and once too often


class Check(Struct):
    """`due_ms` is None while a probe is under way. Until the first success, failures within the
    grace period count for nothing."""

    check: HealthCheck
    begun_ms: int
    due_ms: int | None
    healthy: bool | None = None
    initializing: bool = True
    failures: int = 0

    def probe_begins(self) -> None:
        self.due_ms = None

    def finished(self, healthy: bool, now_ms: int) -> Verdict:
        self.due_ms = now_ms + milliseconds(self.check.interval_seconds)
        if healthy:
            news = self.healthy is not True
            self.healthy, self.initializing, self.failures = True, False, 0
            return Verdict.HEALTHY if news else Verdict.NOTHING
        grace_ms = milliseconds(self.check.grace_period_seconds)
        if self.initializing and now_ms - self.begun_ms <= grace_ms:
            return Verdict.NOTHING
        self.failures += 1
        self.healthy = False
        if self.failures >= max(1, self.check.consecutive_failures):
            return Verdict.HOPELESS
        return Verdict.UNHEALTHY


def begin(check: HealthCheck, now_ms: int) -> Check:
    return Check(check, now_ms, now_ms + milliseconds(check.delay_seconds))


def resume(check: HealthCheck, now_ms: int, age_ms: int, healthy: bool | None) -> Check:
    """After the agent's restart: what was known stays known, the next probe comes at once."""
    begun_ms = now_ms - age_ms
    due_ms = max(now_ms, begun_ms + milliseconds(check.delay_seconds))
    return Check(check, begun_ms, due_ms, healthy, initializing=healthy is None)


class Inquiry(Struct):
    """A check's life. `due_ms` is None while it is asked, and before the task runs."""

    check: CheckInfo
    status: CheckStatusInfo
    due_ms: int | None = None

    def begin(self, age_ms: int, now_ms: int) -> None:
        self.due_ms = now_ms + max(0, milliseconds(self.check.delay_seconds) - age_ms)

    def probe_begins(self) -> None:
        self.due_ms = None

    def finished(self, status: CheckStatusInfo | None, now_ms: int) -> bool:
        """Whether this is news. None: it could not be found out, so what was known is no more."""
        self.due_ms = now_ms + milliseconds(self.check.interval_seconds)
        known, self.status = self.status, status or unknown(self.check)
        return self.status != known


def inquiry(check: CheckInfo, status: CheckStatusInfo | None = None) -> Inquiry:
    return Inquiry(check, status or unknown(check))


def unknown(check: CheckInfo) -> CheckStatusInfo:
    """The status before the first answer. Source: recording scheduler-check."""
    return CheckStatusInfo(
        type=check.type,
        command=CommandResult() if check.type == "COMMAND" else None,
        http=HttpResult() if check.type == "HTTP" else None,
        tcp=TcpResult() if check.type == "TCP" else None,
    )


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
