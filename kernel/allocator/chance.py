"""Chance without chance: a small generator that a seed decides, to shuffle agents with.

Pure code may not ask for randomness; the shell passes a seed when it starts the allocator, the
simulator passes its own. Source: Marsaglia, "Xorshift RNGs", Journal of Statistical Software 2003.
"""

from collections.abc import MutableSequence
from typing import Any, Protocol

_MASK = (1 << 64) - 1


class Chance(Protocol):
    """Where order is to be by chance."""

    def shuffle(self, items: MutableSequence[Any]) -> None:
        """Put the items into some order, each order as likely as the next."""


class SeededChance:
    """xorshift64*: one integer of state, the same order for the same seed everywhere."""

    def __init__(self, seed: int) -> None:
        self._state = (seed & _MASK) or 0x9E3779B97F4A7C15  # zero would stay zero

    def shuffle(self, items: MutableSequence[Any]) -> None:
        for last in range(len(items) - 1, 0, -1):
            pick = self._next() % (last + 1)
            items[last], items[pick] = items[pick], items[last]

    def _next(self) -> int:
        state = self._state
        state ^= state >> 12
        state = (state ^ (state << 25)) & _MASK
        state ^= state >> 27
        self._state = state
        return ((state * 0x2545F4914F6CDD1D) & _MASK) >> 16


class NoChance:
    """Leaves every order as it is: for worked examples."""

    def shuffle(self, items: MutableSequence[Any]) -> None:
        return
