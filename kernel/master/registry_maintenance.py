"""Decides how the maintenance schedule is written down, and which machines are down.

The schedule is one record, replaced as a whole; every machine that is down is one more. A machine
of the schedule that is not down is draining, so nothing need be written for that. Writing is the
driver's (`Persist`). Source: Mesos, src/master/registry.proto (Machines, Schedule).
"""

from collections.abc import Mapping

import msgspec

from kernel.machine import Delete, Operation, Persist, Put
from kernel.messages.maintenance import MachineId, Schedule

SCHEDULE, SCHEDULE_KEY = "maintenance", "schedule"
MACHINES = "machines"


def read_schedule(records: Mapping[str, Mapping[str, bytes]]) -> Schedule:
    found = records.get(SCHEDULE, {}).get(SCHEDULE_KEY)
    return msgspec.json.decode(found, type=Schedule) if found is not None else Schedule()


def read_down(records: Mapping[str, Mapping[str, bytes]]) -> list[MachineId]:
    """The machines that are down."""
    found = records.get(MACHINES, {})
    return [msgspec.json.decode(value, type=MachineId) for value in found.values()]


def put_schedule(schedule: Schedule) -> Persist:
    return Persist((_put_schedule(schedule),))


def take_down(machines: Mapping[str, MachineId]) -> Persist:
    """By their keys."""
    return Persist(
        tuple(Put(MACHINES, key, msgspec.json.encode(machine)) for key, machine in machines.items())
    )


def bring_up(machines: Mapping[str, MachineId], schedule: Schedule) -> Persist:
    """Up again, and out of the schedule, which is this now."""
    deleted: list[Operation] = [Delete(MACHINES, key) for key in machines]
    return Persist((*deleted, _put_schedule(schedule)))


def _put_schedule(schedule: Schedule) -> Put:
    return Put(SCHEDULE, SCHEDULE_KEY, msgspec.json.encode(schedule))
