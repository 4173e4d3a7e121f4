"""Keeps which machines are to be away and when, and which are down: the books of maintenance.

A machine is known by its name, by its address, or by both; an agent stands on it if all that is
named of it is so. A machine of the schedule is draining until it is taken down; all others are up.
What follows from that for agents is `maintenance`'s. Source: Mesos, docs/maintenance.md.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from kernel.messages.maintenance import MachineId, Schedule, Window
from kernel.messages.v1 import Unavailability


class Mode(StrEnum):
    """Mesos's words."""

    UP = "UP"
    DRAINING = "DRAINING"
    DOWN = "DOWN"


def key_of(machine: MachineId) -> str:
    """What a machine is the same by: names have no case."""
    return f"{(machine.hostname or '').lower()} {machine.ip or ''}"


def shown(machine: MachineId) -> str:
    """As sentences name it."""
    return msgspec.json.encode(machine).decode()


class Machines:
    """Invariant: what is down is in the schedule."""

    def __init__(self, schedule: Schedule, down: Sequence[MachineId]) -> None:
        self.version = 0  # tells who shows an unavailability that it can have changed
        self.down = {key_of(machine): machine for machine in down}
        self.replace(schedule)

    def replace(self, schedule: Schedule) -> None:
        """A new schedule; what is down stays down."""
        self.schedule = schedule
        self.version += 1
        self._windows: dict[str, tuple[MachineId, Unavailability]] = {}
        self._keys_by_name: dict[str, list[str]] = {}
        for window in schedule.windows:
            for machine in window.machine_ids:
                key = key_of(machine)
                self._windows[key] = machine, window.unavailability
                name = (machine.hostname or "").lower() or machine.ip or ""
                self._keys_by_name.setdefault(name, []).append(key)

    def without(self, keys: Sequence[str]) -> Schedule:
        """The schedule as it is when these have come back; windows of nobody go."""
        windows = [
            Window(
                machine_ids=[m for m in window.machine_ids if key_of(m) not in keys],
                unavailability=window.unavailability,
            )
            for window in self.schedule.windows
        ]
        return Schedule(windows=[window for window in windows if window.machine_ids])

    def mode(self, machine: MachineId) -> Mode:
        key = key_of(machine)
        if key in self.down:
            return Mode.DOWN
        return Mode.DRAINING if key in self._windows else Mode.UP

    def draining(self) -> list[MachineId]:
        return [machine for key, (machine, _) in self._windows.items() if key not in self.down]

    def unavailability(self, hostname: str, ip: str) -> Unavailability | None:
        """When what stands there is to be away; of several windows the earliest."""
        windows = [self._windows[key][1] for key in self.keys(hostname, ip)]
        return min(windows, key=lambda window: window.start.nanoseconds, default=None)

    def is_down(self, hostname: str, ip: str) -> bool:
        return any(key in self.down for key in self.keys(hostname, ip))

    def keys(self, hostname: str, ip: str) -> list[str]:
        """The machines of the schedule that an agent of this name and address stands on."""
        name = hostname.lower()
        keys = [*self._keys_by_name.get(name, ()), *self._keys_by_name.get(ip, ())]
        return [key for key in dict.fromkeys(keys) if covers(self._windows[key][0], name, ip)]


def covers(machine: MachineId, hostname: str, ip: str) -> bool:
    """Whether all that is named of the machine is so of what stands there.

    DIFFERS: in Mesos the name and the address must both be given and both be the agent's.
    """
    if machine.hostname and machine.hostname.lower() != hostname.lower():
        return False
    return not machine.ip or machine.ip == ip
