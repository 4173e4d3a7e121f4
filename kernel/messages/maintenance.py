"""When which machines are to be out of service, and how far that is: Mesos's v1 messages.

Source: Mesos, include/mesos/v1/maintenance/maintenance.proto, mesos.proto (MachineID).
"""

from kernel.messages.v1 import Id, TimeInfo, Unavailability, Wire


class MachineId(Wire, frozen=True):
    """By name, by address, or by both; neither names nothing."""

    hostname: str | None = None
    ip: str | None = None


class Window(Wire, frozen=True):
    unavailability: Unavailability
    machine_ids: list[MachineId] = []


class Schedule(Wire, frozen=True):
    windows: list[Window] = []


class InverseOfferStatus(Wire, frozen=True):
    """What a framework last answered to the request to leave an agent of the machine."""

    status: str
    framework_id: Id
    timestamp: TimeInfo


class DrainingMachine(Wire, frozen=True):
    id: MachineId
    statuses: list[InverseOfferStatus] = []


class Status(Wire, frozen=True):
    draining_machines: list[DrainingMachine] = []
    down_machines: list[MachineId] = []
