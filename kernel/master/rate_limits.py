"""How fast each principal's calls are carried out, and how many may wait: Mesos's `--rate-limits`.

Who has a limit of its own waits in a line of its own; all others share one, if there is a default
for them; a principal that is listed without `qps` waits never. What waits longer than the line is
long is refused. Waiting itself, and the refusal's form, are the shell's. Source: Mesos,
docs/framework-rate-limiting.md, master.cpp (Master::throttle); mesos.md §1.1.

DIFFERS: Mesos limits the messages of its old drivers only, and ends a framework that sends too
many. We limit calls over HTTP, and refuse one too many, to be sent again.
"""

import msgspec
from msgspec import Struct

from kernel.messages.codec import Malformed

_US = 1_000_000


class Limit(Struct, frozen=True):
    """So many calls a second, and so many that wait; None is no bound."""

    qps: float | None = None
    capacity: int | None = None


class _Named(Struct, frozen=True, forbid_unknown_fields=True):
    principal: str
    qps: float | None = None
    capacity: int | None = None


class RateLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """As Mesos's JSON has them."""

    limits: tuple[_Named, ...] = ()
    aggregate_default_qps: float | None = None
    aggregate_default_capacity: int | None = None


def read_rate_limits(text: bytes) -> RateLimits:
    """Raises `Malformed`."""
    try:
        found = msgspec.json.decode(text, type=RateLimits)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(
            'write {"limits": [{"principal": …, "qps": …, "capacity": …}],'
            f' "aggregate_default_qps": …, "aggregate_default_capacity": …}} ({error})'
        ) from None
    named = [each.principal for each in found.limits]
    if len(named) != len(dict.fromkeys(named)):
        raise Malformed("a principal is listed twice")
    default = Limit(found.aggregate_default_qps, found.aggregate_default_capacity)
    for limit in (default, *(Limit(each.qps, each.capacity) for each in found.limits)):
        if limit.qps is not None and not limit.qps > 0:
            raise Malformed(f"qps of {limit.qps:g} lets nothing through; it is more than 0")
        if limit.capacity is not None and limit.capacity < 0:
            raise Malformed(f"a capacity of {limit.capacity} is less than nothing")
        if limit.qps is None and limit.capacity is not None:
            raise Malformed("a capacity needs qps beside it: without it nothing waits")
    return found


class Turn(Struct, frozen=True):
    """When a call may be carried out, or why not at all and when it may be sent again."""

    wait_us: int = 0
    refusal: str = ""
    retry_after_s: int = 0


class _Line:
    """The calls of some that wait. Invariant: the next one's turn is at `_next_us`."""

    def __init__(self, limit: Limit) -> None:
        assert limit.qps is not None
        self._qps, self._capacity = limit.qps, limit.capacity
        self._gap_us = max(1, round(_US / limit.qps))
        self._next_us = 0

    def turn(self, who: str, now_us: int) -> Turn:
        at_us = max(now_us, self._next_us)
        waiting = max(0, -(-(at_us - now_us) // self._gap_us) - 1)
        if at_us > now_us and self._capacity is not None and waiting >= self._capacity:
            ready_us = at_us - self._capacity * self._gap_us - now_us
            seconds = max(1, -(-ready_us // _US))
            return Turn(
                refusal=f"{waiting} calls of {who} wait already, which is what --rate-limits"
                f" leaves room for at {self._qps:g} a second: send it again in {seconds} s",
                retry_after_s=seconds,
            )
        self._next_us = at_us + self._gap_us
        return Turn(at_us - now_us)


class Throttle:
    """Of one master. What it counts is of the calls of principals that are known."""

    def __init__(self, limits: RateLimits) -> None:
        self._lines = {
            each.principal: _Line(Limit(each.qps, each.capacity)) if each.qps is not None else None
            for each in limits.limits
        }
        default = Limit(limits.aggregate_default_qps, limits.aggregate_default_capacity)
        self._others = _Line(default) if default.qps is not None else None
        self.received: dict[str, int] = {}
        self.processed: dict[str, int] = {}

    def turn(self, principal: str | None, now_us: int) -> Turn:
        """Take a place in line, if there is one."""
        if principal in self._lines:
            line, who = self._lines[principal], f"principal '{principal}'"
        else:
            line, who = self._others, "frameworks without a limit of their own"
        return line.turn(who, now_us) if line is not None else Turn()

    def note_received(self, principal: str) -> None:
        self.received[principal] = self.received.get(principal, 0) + 1

    def note_processed(self, principal: str) -> None:
        self.processed[principal] = self.processed.get(principal, 0) + 1

    def counts(self, present: dict[str, None]) -> dict[str, float]:
        """Of the principals that have a framework, by Mesos's names; others are forgotten."""
        for counted in (self.received, self.processed):
            for gone in [principal for principal in counted if principal not in present]:
                del counted[gone]
        shown: dict[str, float] = {}
        for principal in present:
            name = f"frameworks/{principal}/messages"
            shown[f"{name}_received"] = float(self.received.get(principal, 0))
            shown[f"{name}_processed"] = float(self.processed.get(principal, 0))
        return shown
