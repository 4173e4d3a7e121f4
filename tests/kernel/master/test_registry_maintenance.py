"""What is kept of the maintenance schedule and of machines that are down."""

from kernel.machine import Delete, Persist, Put
from kernel.master import registry_maintenance
from kernel.messages.maintenance import MachineId, Schedule, Window
from kernel.messages.v1 import DurationInfo, TimeInfo, Unavailability

MACHINE = MachineId(hostname="host", ip="10.0.0.1")
SCHEDULE = Schedule(
    windows=[
        Window(
            machine_ids=[MACHINE, MachineId(hostname="other")],
            unavailability=Unavailability(start=TimeInfo(5), duration=DurationInfo(7)),
        )
    ]
)


def records_of(*persists: Persist) -> dict[str, dict[str, bytes]]:
    records: dict[str, dict[str, bytes]] = {}
    for persist in persists:
        for operation in persist.operations:
            if isinstance(operation, Put):
                records.setdefault(operation.collection, {})[operation.key] = operation.value
            else:
                records[operation.collection].pop(operation.key, None)
    return records


def test_what_is_written_is_read_back() -> None:
    records = records_of(
        registry_maintenance.put_schedule(SCHEDULE),
        registry_maintenance.take_down({"host 10.0.0.1": MACHINE}),
    )

    assert registry_maintenance.read_schedule(records) == SCHEDULE
    assert registry_maintenance.read_down(records) == [MACHINE]


def test_a_machine_that_is_up_again_leaves_the_schedule_in_the_same_write() -> None:
    persist = registry_maintenance.bring_up({"host 10.0.0.1": MACHINE}, Schedule())

    delete, put = persist.operations
    assert delete == Delete("machines", "host 10.0.0.1")
    assert isinstance(put, Put) and put.collection == "maintenance"


def test_an_empty_store_has_no_schedule() -> None:
    assert registry_maintenance.read_schedule({}) == Schedule()
    assert registry_maintenance.read_down({}) == []
