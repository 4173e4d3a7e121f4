"""Operations on an agent's resources. Source: mesos.md §1.3, §2.10; docs/persistent-volume.md."""

from typing import Any

import pytest

from kernel.agent.operations import with_converted
from kernel.agent.talk import CloseGrave, Effect, MakeVolume, RemoveVolume, SendCall, VolumeRemoved
from kernel.machine import DeadlineReached
from kernel.messages.agent import (
    AcknowledgeOperation,
    ApplyOperation,
    RunTask,
    ShutdownAgent,
    UpdateOperation,
)
from kernel.messages.operations import GrowVolume, Reserve, ShrinkVolume, Unreserve, Volumes
from kernel.messages.quantities import from_wire, parse_resources, to_wire
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import (
    AgentInfo,
    DiskInfo,
    DiskPlace,
    Id,
    Persistence,
    ReservationInfo,
    Resource,
    ScalarValue,
    Volume,
)
from kernel.model.operation import OperationState
from kernel.model.resources import Resources
from kernel.model.task import TaskState
from tests.kernel.agent.world import FRAMEWORK, World, command, sent

INFO = AgentInfo(hostname="h", resources=to_wire(parse_resources("cpus:4;mem:1024;disk:1000")))
DYNAMIC = [ReservationInfo(type="DYNAMIC", role="eng/web", principal="p")]


def scalar(name: str, value: float, **more: Any) -> Resource:
    frame = {"reservations": DYNAMIC, **more}
    return Resource(name=name, type="SCALAR", scalar=ScalarValue(value), **frame)


def volume(id_: str = "v1", size: float = 100, path: str = "data", **more: Any) -> Resource:
    disk = DiskInfo(
        persistence=Persistence(id=id_, principal="p"),
        volume=Volume(mode="RW", container_path=path),
    )
    return scalar("disk", size, disk=disk, **more)


RESERVE = Operation(type="RESERVE", reserve=Reserve(resources=[scalar("disk", 400)]))
UNRESERVE = Operation(type="UNRESERVE", unreserve=Unreserve(resources=[scalar("disk", 300)]))
CREATE = Operation(type="CREATE", create=Volumes(volumes=[volume()]))
DESTROY = Operation(type="DESTROY", destroy=Volumes(volumes=[volume()]))
PLACE = "/work/volumes/roles/eng web/v1"


def ready(info: AgentInfo = INFO) -> World:
    world = World(info)
    world.start()
    world.subscribed()
    return world


def applies(world: World, uuid: str, operation: Operation) -> list[Effect]:
    return world.hears(ApplyOperation(operation_uuid=uuid, operation=operation))


def statuses(effects: list[Effect]) -> list[OperationState]:
    return [each.status.state for each in updates(effects)]


def updates(effects: list[Effect]) -> list[UpdateOperation]:
    calls = [each.call for each in effects if isinstance(each, SendCall)]
    return [call for call in calls if isinstance(call, UpdateOperation)]


def with_volume() -> World:
    world = ready()
    applies(world, "u1", RESERVE)
    applies(world, "u2", CREATE)
    return world


def test_a_reservation_and_a_volume_become_part_of_what_the_agent_has() -> None:
    world = ready()

    assert statuses(applies(world, "u1", RESERVE)) == [OperationState.FINISHED]
    effects = applies(world, "u2", CREATE)

    assert effects[0] == MakeVolume(PLACE)
    assert statuses(effects) == [OperationState.FINISHED]
    total = from_wire(world.agent.subscribe_call().total or [])
    assert total.contains(from_wire([volume(), scalar("disk", 300)]))
    assert total.quantities() == from_wire(INFO.resources).quantities()


def test_what_operations_made_survives_the_agent_and_its_machine() -> None:
    world = with_volume()
    before = from_wire(world.agent.subscribe_call().total or [])

    for boot_id in ("boot-1", "boot-2"):
        assert MakeVolume(PLACE) in world.crash(boot_id)
        assert from_wire(world.agent.subscribe_call().total or []) == before


def test_a_status_is_told_until_it_is_acknowledged() -> None:
    world = ready()
    first = updates(applies(world, "u1", RESERVE))

    assert updates(world.gets(DeadlineReached(), 9_999)) == []
    assert updates(world.gets(DeadlineReached(), 10_000)) == first
    assert updates(world.gets(DeadlineReached(), 29_999)) == []
    assert updates(world.gets(DeadlineReached(), 30_000)) == first
    world.crash()
    assert [each.operation_uuid for each in world.agent.subscribe_call().operations] == ["u1"]
    world.subscribed()
    world.hears(AcknowledgeOperation(operation_uuid="u1"))
    assert world.agent.operations.next_deadline_ms() is None
    world.crash()
    assert world.agent.subscribe_call().operations == []


def test_only_an_operation_with_an_id_has_a_uuid_for_its_framework() -> None:
    """Source: recording scheduler-operation-feedback."""
    world = ready()

    plain = updates(applies(world, "u1", RESERVE))[0].status
    named = Operation(type="CREATE", id=Id("op"), create=CREATE.create)
    told = updates(applies(world, "u2", named))[0].status

    assert (plain.operation_id, plain.uuid) == (None, None)
    assert told.operation_id == Id("op")
    assert told.uuid is not None and len(told.uuid.value) == 16
    assert told.agent_id == Id("S0")


def test_told_twice_it_is_carried_out_once() -> None:
    world = ready()
    first = applies(world, "u1", RESERVE)

    again = applies(world, "u1", RESERVE)

    assert again == first
    reserved = world.agent.operations.total.reserved()
    assert reserved.scalar("disk") == 400_000


def test_what_does_not_apply_fails_and_changes_nothing() -> None:
    world = ready()
    before = world.agent.operations.total

    effects = applies(world, "u1", CREATE)  # nothing is reserved for it

    assert statuses(effects) == [OperationState.FAILED]
    assert "does not contain" in (updates(effects)[0].status.message or "")
    assert world.agent.operations.total == before


def test_a_destroyed_volumes_data_goes_only_once_its_end_is_on_record() -> None:
    world = with_volume()

    world.gets(DeadlineReached())
    effects = applies(world, "u3", DESTROY)

    (removal,) = [each for each in effects if isinstance(each, RemoveVolume)]
    assert (removal.name, removal.directory) == ("u3-0", PLACE)
    kinds = [type(each).__name__ for each in world.effects]
    assert kinds.index("Persist") < kinds.index("RemoveVolume")
    assert removal in world.crash()  # it may not have been carried out
    assert world.gets(VolumeRemoved("u3-0")) == [CloseGrave(removal.grave)]
    assert removal not in world.crash()


def test_a_volume_that_a_task_uses_is_not_destroyed() -> None:
    world = with_volume()
    task = command("t", resources=[volume()])
    world.hears(RunTask(framework=FRAMEWORK, task=task))
    record = world.agent.tasks.find("F", "t")
    assert record is not None

    refused = applies(world, "u3", DESTROY)
    assert statuses(refused) == [OperationState.FAILED]
    assert "in use" in (updates(refused)[0].status.message or "")

    world.reports(record.container_id, TaskState.FINISHED)
    assert statuses(applies(world, "u4", DESTROY)) == [OperationState.FINISHED]


def test_a_volume_grows_and_shrinks_in_its_place() -> None:
    world = with_volume()
    grow = GrowVolume(volume=volume(), addition=scalar("disk", 50))
    shrink = ShrinkVolume(volume=volume(size=150), subtract=ScalarValue(100))

    grown = applies(world, "u3", Operation(type="GROW_VOLUME", grow_volume=grow))
    assert statuses(grown) == [OperationState.FINISHED]
    assert world.agent.operations.total.contains(from_wire([volume(size=150)]))
    applies(world, "u4", Operation(type="SHRINK_VOLUME", shrink_volume=shrink))

    assert world.agent.operations.total.contains(from_wire([volume(size=50), scalar("disk", 350)]))
    assert not any(isinstance(each, (MakeVolume, RemoveVolume)) for each in grown)


@pytest.mark.parametrize("id_", ["../../etc", "a/b", "..", "", "x\0y"])
def test_no_volume_leaves_its_directory(id_: str) -> None:
    world = ready()
    applies(world, "u1", RESERVE)
    create = Operation(type="CREATE", create=Volumes(volumes=[volume(id_)]))

    effects = applies(world, "u2", create)

    assert statuses(effects) == [OperationState.FAILED]
    assert not any(isinstance(each, MakeVolume) for each in effects)


def test_two_volumes_are_never_one_directory() -> None:
    """With other labels it is another reservation, but its directory would be the same."""
    world = with_volume()
    other = [ReservationInfo(type="DYNAMIC", role="eng/web", principal="q")]
    reserve = Reserve(resources=[scalar("disk", 100, reservations=other)])
    applies(world, "u3", Operation(type="RESERVE", reserve=reserve))
    twin = Volumes(volumes=[volume(reservations=other)])

    effects = applies(world, "u4", Operation(type="CREATE", create=twin))

    assert statuses(effects) == [OperationState.FAILED]
    assert PLACE in (updates(effects)[0].status.message or "")


def test_what_never_came_here_is_dropped() -> None:
    world = with_volume()
    lost = ApplyOperation(operation_uuid="lost", operation=DESTROY)
    known = ApplyOperation(operation_uuid="u1", operation=RESERVE)

    effects = world.subscribed(operations=[known, lost])

    assert [(each.operation_uuid, each.status.state) for each in updates(effects)] == [
        ("lost", OperationState.DROPPED)
    ]


def test_an_agent_that_shrank_keeps_its_reservations_and_volumes_whole() -> None:
    """Source: mesos.md §5 row 7: nothing is wiped for a change of flags."""
    world = with_volume()
    small = AgentInfo(hostname="h", resources=to_wire(parse_resources("cpus:1;disk:250")))
    world.info = small

    world.crash()

    total = world.agent.operations.total
    assert total.contains(from_wire([volume(), scalar("disk", 300)]))
    assert total.unreserved().quantities() == {"cpus": 1_000}


def test_a_mounted_disk_is_the_volume_itself() -> None:
    text = (
        '[{"name":"disk","type":"SCALAR","scalar":{"value":500},"role":"eng",'
        '"disk":{"source":{"type":"MOUNT","mount":{"root":"/mnt/a"}}}}]'
    )
    world = ready(AgentInfo(hostname="h", resources=to_wire(parse_resources(text))))
    (there,) = to_wire(world.agent.operations.total, refined=True)
    assert there.disk is not None and there.disk.source is not None
    assert there.disk.source.mount == DiskPlace(root="/mnt/a")
    disk = DiskInfo(
        persistence=Persistence(id="v"),
        volume=Volume(mode="RW", container_path="data"),
        source=there.disk.source,
    )
    static = [ReservationInfo(type="STATIC", role="eng")]
    whole = scalar("disk", 500, reservations=static, disk=disk)

    made = applies(world, "u1", Operation(type="CREATE", create=Volumes(volumes=[whole])))
    gone = applies(world, "u2", Operation(type="DESTROY", destroy=Volumes(volumes=[whole])))

    assert statuses(made) == statuses(gone) == [OperationState.FINISHED]
    assert not any(isinstance(each, MakeVolume) for each in made)
    (removal,) = [each for each in gone if isinstance(each, RemoveVolume)]
    assert (removal.directory, removal.is_whole_disk) == ("/mnt/a", True)
    assert removal.grave.startswith("/work/volumes/")


@pytest.mark.parametrize("path", ["/abs", "../out", "a/../../b", ".", "a//b"])
def test_a_volume_is_found_below_the_sandbox_or_not_at_all(path: str) -> None:
    world = with_volume()
    task = command("t", resources=[volume(path=path)])

    told = sent(world.hears(RunTask(framework=FRAMEWORK, task=task)))

    assert [each.state for each in told] == [TaskState.FAILED]
    assert "v1" in (told[0].message or "")


def test_a_task_with_a_volume_that_is_not_here_fails_and_says_which() -> None:
    world = ready()

    told = sent(world.hears(RunTask(framework=FRAMEWORK, task=command("t", resources=[volume()]))))

    assert told[0].message == "This agent has no persistent volume 'v1' of role 'eng/web'"


def test_an_agent_that_is_gone_takes_its_volumes_to_its_next_life_and_no_statuses() -> None:
    world = with_volume()

    world.hears(ShutdownAgent(message="gone"))
    world.crash()

    call = world.agent.subscribe_call()
    assert (call.agent_info.id, call.operations) == (None, [])
    assert from_wire(call.total or []).contains(from_wire([volume()]))


def test_configured_resources_without_operations_are_as_configured() -> None:
    configured = parse_resources("cpus:4;ports:[1-9];x:{a,b}")

    assert with_converted(configured, Resources()) == configured
