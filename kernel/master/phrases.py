"""Amounts, spans of time and lists as people say them, for the sentences of `explain`."""

from collections.abc import Sequence

from kernel.allocator.quota import Amounts
from kernel.model.resources import MILLI

_UNITS = {"cpus": "cpu", "gpus": "gpu"}
_STORES = {"mem": "memory", "disk": "disk"}
_ORDER = ("cpus", "mem", "disk", "gpus")


def amounts(of: Amounts) -> str:
    """`2 cpus, 3.1 GiB of memory and 10 GiB of disk`."""
    return joined([amount(name, of[name]) for name in _sorted(of) if of[name]]) or "nothing"


def _sorted(of: Amounts) -> list[str]:
    known = [name for name in _ORDER if name in of]
    return [*known, *sorted(name for name in of if name not in _ORDER)]


def amount(name: str, milli: int) -> str:
    value = milli / MILLI
    if name in _UNITS:
        is_plural = milli > MILLI
        return f"{value:g} {_UNITS[name]}{'s' if is_plural else ''}"
    if name in _STORES:
        return f"{mebibytes(value)} of {_STORES[name]}"
    return f"{value:g} of {name}"


def mebibytes(value: float) -> str:
    if value < 1024:
        return f"{value:.4g} MiB"
    if value < 1024 * 1024:
        return f"{value / 1024:.3g} GiB" if value % 1024 else f"{value / 1024:g} GiB"
    return f"{value / 1024 / 1024:.3g} TiB"


def span(ms: int) -> str:
    """`1 s`, `50 s`, `3 min`, `2 h`: rounded up where that is nearer to what comes."""
    seconds = -(-ms // 1000)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{round(seconds / 60)} min"
    return f"{round(seconds / 3600)} h"


def joined(parts: Sequence[str], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def some(names: Sequence[str], most: int = 5) -> str:
    """All of a few; of many the first ones and how many more."""
    if len(names) <= most:
        return joined(names)
    return f"{', '.join(names[: most - 1])} and {len(names) - most + 1} more"


def counted(count: int, noun: str) -> str:
    """`no agent`, `1 agent`, `2 agents`."""
    if count == 0:
        return f"no {noun}"
    return f"{count} {noun}{'s' if count > 1 else ''}"
