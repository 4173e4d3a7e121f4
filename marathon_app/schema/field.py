"""Says which struct fields are written even when they hold their default.

Every `/v2` struct has `omit_defaults=True`, so that an unset optional is left out. Marathon however
always writes some fields (`cpus`, `labels`, ...); those use `always`. A default that comes from a
factory other than list, dict or set is never omitted by msgspec, and that is all the trick.
"""

from typing import TypeVar

from msgspec import field

T = TypeVar("T")


def always(value: T, name: str | None = None) -> T:
    """A default that is written out. `value` must be immutable, because it is shared."""
    made: T = field(default_factory=lambda: value, name=name)
    return made


def always_dict() -> dict[str, str]:
    """An empty mapping of texts that is written out as `{}`."""
    made: dict[str, str] = field(default_factory=_new_dict)
    return made


def _new_dict() -> dict[str, str]:
    return {}
