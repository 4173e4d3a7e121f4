"""Machines that are to be away or are down, and who stands on them."""

import pytest

from kernel.master.machines import Machines, Mode, covers, key_of
from kernel.messages.maintenance import MachineId, Schedule, Window
from kernel.messages.v1 import TimeInfo, Unavailability

HOST, OTHER = MachineId(hostname="Host", ip="10.0.0.1"), MachineId(hostname="other")


def window(start: int, *machines: MachineId) -> Window:
    return Window(machine_ids=list(machines), unavailability=Unavailability(start=TimeInfo(start)))


@pytest.mark.parametrize(
    ("machine", "is_covered"),
    [
        (MachineId(hostname="host"), True),
        (MachineId(ip="10.0.0.1"), True),
        (MachineId(hostname="HOST", ip="10.0.0.1"), True),
        (MachineId(hostname="host", ip="10.0.0.2"), False),
        (MachineId(hostname="another", ip="10.0.0.1"), False),
    ],
)
def test_an_agent_stands_on_a_machine_if_all_that_is_named_is_so(
    machine: MachineId, is_covered: bool
) -> None:
    assert covers(machine, "host", "10.0.0.1") is is_covered
    machines = Machines(Schedule(windows=[window(5, machine)]), ())
    assert (machines.unavailability("host", "10.0.0.1") is not None) is is_covered


def test_of_two_windows_the_earlier_counts() -> None:
    machines = Machines(
        Schedule(windows=[window(9, MachineId(ip="10.0.0.1")), window(5, HOST)]), ()
    )

    found = machines.unavailability("host", "10.0.0.1")

    assert found is not None and found.start == TimeInfo(5)


def test_a_machine_of_the_schedule_drains_until_it_is_down() -> None:
    machines = Machines(Schedule(windows=[window(5, HOST, OTHER)]), [HOST])

    assert [machines.mode(m) for m in (HOST, OTHER)] == [Mode.DOWN, Mode.DRAINING]
    assert machines.mode(MachineId(hostname="third")) is Mode.UP
    assert machines.draining() == [OTHER]
    assert machines.is_down("HOST", "10.0.0.1") and not machines.is_down("other", "")


def test_windows_of_nobody_go() -> None:
    machines = Machines(Schedule(windows=[window(5, HOST), window(7, OTHER)]), ())

    assert machines.without([key_of(HOST)]) == Schedule(windows=[window(7, OTHER)])
