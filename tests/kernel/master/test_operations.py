"""RESERVE, CREATE and their like: what they make, what becomes of them when the agent fails."""

from math import nan

import pytest

from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.operations import OperationStatus, Reserve, ShrinkVolume, Unreserve, Uuid
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import Id, Offer, ReservationInfo, Resource, ScalarValue
from kernel.model.kinds import Reservation, kind, reserved
from kernel.model.operation import OperationState
from kernel.model.resources import Resources, parse
from kernel.model.task import TaskState
from tests.kernel.master.operating import (
    RESERVED,
    Worker,
    create,
    destroy,
    grow,
    heard,
    of,
    reserve,
    shrink,
    unreserve,
    volume,
    wire,
)
from tests.kernel.master.stage import CAPABLE, SchedulerActor, Stage, launch_of, task

ALL = (*CAPABLE, "SHARED_RESOURCES")
TICK_MS = 1_000
REREGISTER_MS = 600_000  # --agent-reregister-timeout
DYNAMIC = [ReservationInfo(type="DYNAMIC", role="test")]
ZERO = Resource(name="cpus", type="SCALAR", scalar=ScalarValue(0), reservations=DYNAMIC)
NAN = Resource(name="cpus", type="SCALAR", scalar=ScalarValue(nan), reservations=DYNAMIC)


def scene(**more: object) -> tuple[Stage, SchedulerActor, Worker]:
    stage = Stage()
    return stage, stage.framework(**{"capabilities": ALL, **more}), Worker(stage)


def held(offer: Offer) -> Resources:
    return from_wire(offer.resources)


def test_what_is_reserved_is_offered_again_at_once_and_only_to_its_role() -> None:
    """Contract B7. Source: mesos.md §1.3, §2.7.12; recording scheduler-reserve-create."""
    stage, framework, worker = scene()
    [offer] = framework.offers()

    framework.accept([offer], reserve(of(RESERVED, cpus=1_000, mem=64_000)), refuse_s=3600)

    [again] = framework.offers()
    assert held(again) == parse("cpus:3;mem:4032;disk:1000") + of(RESERVED, cpus=1_000, mem=64_000)
    worker.work()
    assert worker.total == held(again)
    framework.decline(again, refuse_s=3600)
    [foreign] = stage.framework("other", roles=("other",)).offers()
    assert held(foreign) == parse("cpus:3;mem:4032;disk:1000")


def test_reserve_create_and_launch_in_one_call() -> None:
    """Source: mesos.md §1.3, ACCEPT: each may use the result of the previous."""
    _, framework, worker = scene()
    [offer] = framework.offers()
    own = of(RESERVED, cpus=1_000, disk=64_000)
    used = of(volume(container_path="elsewhere"), disk=64_000) + of(RESERVED, cpus=1_000)
    info = task("t", worker.actor, resources=wire(used))

    framework.accept(
        [offer], reserve(own), create(of(volume(), disk=64_000)), launch_of(info), refuse_s=0
    )

    [*_, run] = worker.listen()
    assert run.task.task_id.value == "t"
    assert run.task.resources[0].disk.volume.container_path == "elsewhere"
    assert [order.operation.type for order in worker.heard] == ["RESERVE", "CREATE"]
    assert worker.total.contains(of(volume(), disk=64_000))
    worker.work()
    [rest] = framework.offers()
    assert held(rest) == parse("cpus:3;mem:4096;disk:936")


def test_a_task_ends_and_its_volume_is_offered_again() -> None:
    _, framework, worker = scene()
    [offer] = framework.offers()
    own = of(RESERVED, cpus=1_000, disk=64_000)
    used = of(volume(), disk=64_000) + of(RESERVED, cpus=1_000)
    info = task("t", worker.actor, resources=wire(used))
    framework.accept(
        [offer], reserve(own), create(of(volume(), disk=64_000)), launch_of(info), refuse_s=3600
    )
    worker.work()

    worker.actor.say(worker.actor.update(framework, "t", TaskState.FINISHED))
    [offer] = framework.offers()
    assert held(offer) == worker.total


def test_a_dropped_operation_leaves_everything_as_it_was() -> None:
    """Recording: scheduler-reserve-dropped, texts and all."""
    stage, framework, worker = scene()
    [offer] = framework.offers()

    framework.accept([offer], reserve(of(RESERVED, cpus=9_999_000), id=Id("op")), refuse_s=0)

    assert heard(framework) == [
        OperationStatus(
            operation_id=Id("op"),
            state=OperationState.ERROR,
            message=(
                "cpus(allocated: test):4; mem(allocated: test):4096; disk(allocated: test):1000"
                " does not contain cpus(allocated: test):9999"
            ),
        )
    ]
    stage.pass_time(TICK_MS)
    [offer] = framework.offers()
    assert held(offer) == worker.total
    foreign = kind((Reservation("someone-else", is_dynamic=True),))
    framework.accept([offer], reserve(of(foreign, cpus=1_000), id=Id("op2")), refuse_s=0)
    [status] = heard(framework)
    assert status.message == (
        "A reserve operation was attempted for a resource with role 'someone-else', but the"
        " resource was allocated to role 'test'; on agent M0-S0 at slave(1)@host:5051 (host)"
    )
    worker.listen()
    assert worker.heard == []


@pytest.mark.parametrize(
    ("principal", "in_reservation", "says"),
    [
        ("me", None, "attempted by principal 'me', but there is a reserved resource"),
        ("me", "you", "authenticated principal 'me', which does not match"),
        ("me", "me", None),
        (None, "you", None),
    ],
)
def test_the_principal_of_a_reservation_is_the_frameworks(
    principal: str | None, in_reservation: str | None, says: str | None
) -> None:
    """Source: mesos.md §1.3, RESERVE; Mesos, src/master/validation.cpp."""
    _, framework, worker = scene(principal=principal)
    [offer] = framework.offers()
    mine = kind((Reservation("test", is_dynamic=True, principal=in_reservation),))

    framework.accept([offer], reserve(of(mine, cpus=1_000), id=Id("op")), refuse_s=0)

    problems = [status.message or "" for status in heard(framework)]
    worker.work()
    if says is None:
        assert problems == [] and worker.total.contains(of(mine, cpus=1_000))
    else:
        assert says in problems[0] and worker.heard == []


def test_only_who_understands_refinement_may_refine() -> None:
    """Source: mesos.md §1.3, reservation refinement."""
    deep = RESERVED.pushed(Reservation("test/deep", is_dynamic=True))
    _, framework, worker = scene(roles=("test/deep",))
    [offer] = framework.offers()
    parent = kind((Reservation("test/deep", is_dynamic=True),))
    framework.accept([offer], reserve(of(parent, cpus=1_000)), refuse_s=0)
    worker.work()
    assert worker.total.contains(of(parent, cpus=1_000))

    stage = Stage()
    stage.agent("cpus(test):4;mem:4096")
    static = reserved("test").pushed(Reservation("test/deep", is_dynamic=True))
    plain = stage.framework(roles=("test/deep",), capabilities=("MULTI_ROLE",))
    [offer] = plain.offers()
    plain.accept([offer], reserve(of(static, cpus=1_000), id=Id("op")), refuse_s=0)
    [status] = heard(plain)
    assert "takes the framework capability RESERVATION_REFINEMENT" in (status.message or "")
    assert deep.role == "test/deep"


def test_a_static_reservation_is_refined_and_back_but_never_undone() -> None:
    stage = Stage()
    worker = Worker(stage, "cpus(test):4;mem:4096")
    framework = stage.framework(roles=("test/deep",))
    deep = reserved("test").pushed(Reservation("test/deep", is_dynamic=True))
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(deep, cpus=1_000)), refuse_s=0)
    worker.work()
    assert worker.total == parse("cpus(test):3;mem:4096") + of(deep, cpus=1_000)

    [offer] = framework.offers()
    framework.accept(
        [offer],
        unreserve(of(deep, cpus=1_000)),
        unreserve(of(reserved("test"), cpus=1_000), id=Id("op")),
        refuse_s=0,
    )
    worker.work()
    assert worker.total == parse("cpus(test):4;mem:4096")
    [status] = heard(framework)
    assert "is not dynamically reserved" in (status.message or "")


def test_the_id_of_a_volume_is_unique_per_role_on_an_agent() -> None:
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=200_000)),
        create(of(volume(), disk=64_000)),
        create(of(volume(container_path="b"), disk=64_000), id=Id("twice")),
        refuse_s=0,
    )
    [status] = heard(framework)
    assert (status.message or "").startswith("Persistence ID 'v' is not unique; on agent")
    worker.work()
    assert worker.total.contains(of(volume(), disk=64_000) + of(RESERVED, disk=136_000))


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"mode": "RO"}, "Read-only persistent volume not supported"),
        ({"container_path": None}, "Expecting 'volume' to be set for persistent volume"),
        ({"host_path": "/etc"}, "Expecting 'host_path' to be unset for persistent volume"),
        ({"volume_id": ".."}, "Invalid persistence ID for persistent volume"),
    ],
)
def test_a_volume_that_can_not_be_is_refused(bad: dict[str, str], says: str) -> None:
    """Source: Mesos, src/master/validation.cpp, validateDiskInfo."""
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=64_000)),
        create(of(volume(**bad), disk=64_000), id=Id("op")),
        refuse_s=0,
    )
    assert says in (heard(framework)[0].message or "")
    assert [order.operation.type for order in (worker.listen(), worker.heard)[1]] == ["RESERVE"]


def test_a_reservation_under_a_volume_can_not_be_undone() -> None:
    _, framework, _ = scene()
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=64_000)),
        create(of(volume(), disk=64_000)),
        unreserve(of(RESERVED, disk=64_000), id=Id("under")),
        unreserve(of(volume(), disk=64_000), id=Id("volume")),
        refuse_s=0,
    )
    [under, directly] = heard(framework)
    assert "does not contain disk(allocated: test)(reservations:" in (under.message or "")
    assert "Please destroy the persistent volume first" in (directly.message or "")


def test_a_shared_volume_is_used_by_many_and_destroyed_by_none_of_them() -> None:
    """Contract B15. Source: mesos.md §1.3, shared volumes."""
    _, framework, worker = scene()
    shared = of(volume("s", is_shared=True), disk=64_000)
    [offer] = framework.offers()
    tasks = [
        task(name, worker.actor, resources=wire(shared + parse("cpus:1;mem:32")))
        for name in ("t1", "t2")
    ]
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=64_000)),
        create(shared),
        launch_of(*tasks),
        destroy(shared, id=Id("in use")),
        refuse_s=0,
    )
    worker.work()
    [status] = heard(framework)
    assert (status.message or "").startswith("Persistent volumes in use")

    [offer] = framework.offers()
    assert held(offer).shared() == shared
    for name in ("t1", "t2"):
        worker.actor.say(worker.actor.update(framework, name, TaskState.FINISHED))
    framework.accept([offer], destroy(shared), refuse_s=0)
    worker.work()
    assert worker.total.shared().is_empty


def test_sharing_takes_the_capability() -> None:
    _, framework, _ = scene(capabilities=CAPABLE)
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=64_000)),
        create(of(volume(is_shared=True), disk=64_000), id=Id("op")),
    )
    assert "with no SHARED_RESOURCES capability" in (heard(framework)[0].message or "")


def test_a_volume_grows_only_when_the_agent_says_so() -> None:
    """Source: mesos.md §1.3, GROW_VOLUME: result not usable inside the same ACCEPT."""
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=100_000)),
        create(of(volume(), disk=60_000)),
        grow(of(volume(), disk=60_000), of(RESERVED, disk=30_000), id=Id("grow")),
        launch_of(task("t", worker.actor, resources=wire(of(volume(), disk=90_000)))),
        refuse_s=0,
    )
    assert [status.reason for status in framework.statuses()] == ["REASON_TASK_INVALID"]
    [meanwhile] = framework.offers()
    assert held(meanwhile) == parse("cpus:4;mem:4096;disk:900") + of(RESERVED, disk=10_000)
    framework.decline(meanwhile, refuse_s=3600)

    worker.work()
    [status] = heard(framework)
    assert status.state is OperationState.FINISHED
    assert from_wire(status.converted_resources) == of(volume(), disk=90_000)
    [offer] = framework.offers()
    assert held(offer) == worker.total

    framework.accept([offer], shrink(of(volume(), disk=90_000), 50.0), refuse_s=0)
    worker.work()
    assert worker.total.contains(of(volume(), disk=40_000) + of(RESERVED, disk=60_000))


def test_what_the_agent_fails_is_taken_back_with_all_that_rested_on_it() -> None:
    _, framework, worker = scene()
    before = worker.total
    worker.fails["RESERVE"] = None
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=64_000), id=Id("reserve")),
        create(of(volume(), disk=64_000), id=Id("create")),
        refuse_s=3600,
    )
    [offered] = framework.offers()

    worker.work()

    assert [status.state for status in heard(framework)] == [OperationState.FAILED] * 2
    [offer] = framework.offers()
    assert [e.rescind.offer_id for e in framework.hear() if e.rescind] == [offered.id]
    assert held(offer) == before == worker.total


def test_what_was_launched_on_what_failed_leaves_the_books_with_its_end() -> None:
    _, framework, worker = scene()
    before = worker.total
    worker.fails["RESERVE"] = None
    [offer] = framework.offers()
    info = task("t", worker.actor, resources=wire(of(RESERVED, cpus=1_000)))
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000)), launch_of(info), refuse_s=0)
    worker.work()

    worker.actor.say(worker.actor.update(framework, "t", TaskState.DROPPED))

    [*_, offer] = framework.offers()
    cluster = worker.actor.stage.master.cluster
    [books] = [cluster.allocator.books[agent_id] for agent_id in cluster.agents]
    assert books.total == before and offer.agent_id == Id(worker.id)


def test_what_an_agent_lends_is_not_touched_by_its_operations() -> None:
    stage, framework, worker = scene(capabilities=(*CAPABLE, "REVOCABLE_RESOURCES"))
    lent = Resources({(kind(is_revocable=True), "cpus"): 2_000})
    [offer] = framework.offers()
    worker.actor.say(agent_messages.UpdateOversubscribed(resources=wire(lent)))
    [spare] = framework.offers()
    assert held(spare) == lent

    framework.accept([offer], reserve(of(RESERVED, cpus=1_000)), refuse_s=3600)
    worker.work()

    assert [e for e in framework.hear() if e.rescind is not None] == []
    cluster = stage.master.cluster
    [total] = [cluster.allocator.books[agent_id].total for agent_id in cluster.agents]
    assert total == worker.total + lent


def test_an_operation_of_a_stretched_agent_is_kept_when_what_stretched_it_ends() -> None:
    _, framework, worker = scene()
    worker.fails["RESERVE"] = None
    [offer] = framework.offers()
    info = task("t", worker.actor, resources=wire(of(RESERVED, cpus=1_000)))
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000)), launch_of(info), refuse_s=0)
    worker.work()  # the task holds what there is not
    worker.fails.clear()
    [offer] = [offer for offer in framework.offers() if held(offer).scalar("mem")]
    framework.accept([offer], reserve(of(RESERVED, mem=1_000_000)), refuse_s=0)

    worker.actor.say(worker.actor.update(framework, "t", TaskState.DROPPED))

    cluster = worker.actor.stage.master.cluster
    [agent_id] = cluster.agents
    assert cluster.allocator.books[agent_id].total.contains(of(RESERVED, mem=1_000_000))
    worker.work()
    assert cluster.allocator.books[agent_id].total == worker.total


def test_a_static_agent_offers_no_volume_of_others() -> None:
    stage, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept(
        [offer], reserve(of(RESERVED, disk=64_000)), create(of(volume(), disk=64_000)), refuse_s=0
    )
    worker.work()
    other = stage.framework("other", roles=("other",))
    assert not any(k.volume_id for o in other.offers() for k in held(o).kinds())


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (reserve(Resources(), id=Id("op")), "Expecting 'reserve' to name at least one resource"),
        (scheduler.Operation(type="CREATE", id=Id("op")), "Expecting 'create' to be present"),
        (scheduler.Operation(id=Id("op")), "Unknown operation type None"),
        (
            scheduler.Operation(
                type="UNRESERVE", id=Id("op"), unreserve=Unreserve(resources=[ZERO])
            ),
            "there is nothing of 'cpus' to operate on",
        ),
        (
            scheduler.Operation(
                type="SHRINK_VOLUME",
                id=Id("op"),
                shrink_volume=ShrinkVolume(volume=ZERO, subtract=ScalarValue(1)),
            ),
            "does not have DiskInfo",
        ),
        (
            scheduler.Operation(type="RESERVE", id=Id("op"), reserve=Reserve(resources=[NAN])),
            "is not a number",
        ),
    ],
)
def test_an_operation_on_nothing_is_said_to_be_one(
    operation: scheduler.Operation, says: str
) -> None:
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], operation)
    [status] = heard(framework)
    assert says in (status.message or "")
    worker.listen()
    assert worker.heard == []


def test_an_id_on_a_launch_is_an_error() -> None:
    """Source: mesos.md §1.3, operation feedback; mesos-observed.md row 17 (202 all the same)."""
    _, framework, worker = scene()
    [offer] = framework.offers()
    launch = scheduler.Operation(
        type="LAUNCH",
        id=Id("op"),
        launch=scheduler.Launch(task_infos=[task("t", worker.actor)]),
    )
    assert framework.accept([offer], launch).status == 202
    assert [status.state for status in heard(framework)] == [OperationState.ERROR]
    assert [status.state for status in framework.statuses()] == [TaskState.ERROR]


@pytest.mark.parametrize("type_", ["CREATE_DISK", "DESTROY_DISK"])
def test_raw_disks_need_a_storage_provider(type_: str) -> None:
    _, framework, _ = scene()
    [offer] = framework.offers()
    framework.accept([offer], scheduler.Operation(type=type_, id=Id("op")))
    assert "needs a disk of a storage provider" in (heard(framework)[0].message or "")


def test_tasks_name_each_volume_once_and_their_role_only() -> None:
    """Source: mesos.md §2.7.10."""
    _, framework, worker = scene()
    [offer] = framework.offers()
    twice = [*wire(of(volume(), disk=64_000)), *wire(of(volume(), disk=64_000))]
    foreign = [
        *wire(parse("mem:32")),
        *(r for r in worker.actor.info.resources if r.name == "cpus"),
    ]
    foreign = [
        type(r)(**{f: getattr(r, f) for f in r.__struct_fields__} | {"allocation_info": a})
        for r, a in zip(foreign, (None, type(offer.allocation_info)(role="x")), strict=True)  # type: ignore[misc]
    ]
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=64_000)),
        create(of(volume(), disk=64_000)),
        launch_of(
            task("twice", worker.actor, resources=twice),
            task("foreign", worker.actor, resources=foreign),
            task("mixed", worker.actor, resources=wire(parse("cpus:1") + of(RESERVED, mem=1))),
        ),
    )
    [one, two, three] = [status.message or "" for status in framework.statuses()]
    assert "Persistence ID 'v' is not unique" in one
    assert "multiple allocation roles ('x' and 'test')" in two
    assert "more than available" in three


# --- coming back ---------------------------------------------------------------------------


def test_what_was_reserved_survives_the_master() -> None:
    """Source: mesos.md §1.3: survive failover through the agent's checkpoint."""
    stage, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, disk=64_000)), create(of(volume(), disk=64_000)))
    worker.work()

    stage.restart()
    worker.come_back()
    framework.subscribe()
    [offer] = framework.offers()
    assert held(offer) == worker.total


def test_what_the_agent_never_got_is_taken_back_when_it_returns() -> None:
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000), id=Id("op")), refuse_s=0)
    before = worker.total

    worker.come_back()  # the order was lost with the old stream

    [greeting] = [event for event in worker.actor.said if hasattr(event, "operations")]
    assert [order.operation.id for order in greeting.operations] == [Id("op")]
    framework.hear()
    [offer] = framework.offers()
    assert held(offer) == before


def test_what_the_agent_did_but_could_not_tell_is_kept_when_it_returns() -> None:
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=100_000)),
        create(of(volume(), disk=60_000)),
        grow(of(volume(), disk=60_000), of(RESERVED, disk=30_000), id=Id("grow")),
        refuse_s=0,
    )
    worker.listen()  # done, and the answer is lost with the stream

    worker.come_back()

    assert [status.state for status in heard(framework)] == [OperationState.FINISHED]
    [*_, offer] = framework.offers()
    assert held(offer) == worker.total
    assert worker.total.contains(of(volume(), disk=90_000))
    assert [r.operation.id for r in worker.records()] == [Id("grow")]


def test_a_torn_down_framework_leaves_its_reservations() -> None:
    """Source: mesos.md §2.5, TEARDOWN: volumes/reservations stay."""
    stage, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000), id=Id("op")))
    framework.call("TEARDOWN")
    worker.work()

    assert worker.open == {}  # nobody is left to acknowledge: the master did
    heir = stage.framework("heir")
    [offer] = heir.offers()
    assert held(offer).contains(of(RESERVED, cpus=1_000))


def test_an_operation_whose_framework_never_returns_is_acknowledged_by_the_new_master() -> None:
    """Source: Mesos, master.cpp (orphan operations)."""
    stage, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000), id=Id("op")))
    worker.listen()

    stage.restart()
    worker.come_back()
    worker.work()
    assert [r.operation.id for r in worker.records()] == [Id("op")]  # it may still come back

    stage.pass_time(REREGISTER_MS)
    worker.come_back()
    worker.work()
    assert worker.open == {} and worker.records() == []


def test_a_framework_that_returns_in_time_is_told_what_became_of_its_operation() -> None:
    stage, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000), id=Id("op")))
    worker.listen()

    stage.restart()
    worker.come_back()
    stage.pass_time(REREGISTER_MS - 1)
    framework.subscribe()
    stage.pass_time(1)
    worker.come_back()
    worker.work()
    assert OperationState.FINISHED in [status.state for status in heard(framework)]
    assert len(worker.open) == 1  # the framework's to acknowledge, however late


def test_an_operation_of_a_framework_that_is_forgotten_is_acknowledged_by_the_master() -> None:
    stage = Stage(completed_frameworks_max=0)
    framework, worker = stage.framework(capabilities=ALL), Worker(stage)
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=1_000), id=Id("op")))
    worker.listen()
    framework.call("TEARDOWN")
    assert stage.master.cluster.completed == {}

    stage.pass_time(REREGISTER_MS)
    worker.come_back()
    worker.work()
    assert worker.open == {} and worker.records() == []


def test_an_agent_given_up_takes_what_is_open_with_it() -> None:
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept(
        [offer],
        reserve(of(RESERVED, disk=100_000)),
        create(of(volume(), disk=60_000)),
        grow(of(volume(), disk=60_000), of(RESERVED, disk=30_000)),
        refuse_s=0,
    )
    worker.actor.stage.pass_time(100_000)
    assert worker.actor.stage.master.cluster.agents == {}


def test_who_waits_for_an_operation_is_told_that_its_agent_is_unreachable() -> None:
    """Source: Mesos, src/master/master.hpp, sendBulkOperationFeedback."""
    stage, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=500), id=Id("op")), refuse_s=0)
    worker.listen()  # done, and not yet said

    stage.pass_time(100_000)
    [status] = heard(framework)
    assert (status.state, status.uuid) == (OperationState.UNREACHABLE, None)

    worker.come_back()
    [status] = heard(framework)
    assert status.state is OperationState.FINISHED and status.uuid is not None


# --- feedback ------------------------------------------------------------------------------


def test_a_status_is_passed_on_again_and_again_until_it_is_acknowledged() -> None:
    """Contract D14. Recording: scheduler-operation-feedback."""
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=500), id=Id("op")), refuse_s=0)

    worker.work()
    [status] = heard(framework)
    assert status.uuid is not None
    assert status == OperationStatus(
        operation_id=Id("op"),
        state=OperationState.FINISHED,
        uuid=status.uuid,
        agent_id=Id(worker.id),
    )
    framework.hang_up()
    framework.subscribe()
    worker.work()
    assert heard(framework) == [status]

    wrong = scheduler.AcknowledgeOperationStatus(
        operation_id=Id("op"), uuid=b"x" * 16, agent_id=Id(worker.id)
    )
    framework.call("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status=wrong)
    worker.listen()
    assert len(worker.open) == 1
    wrapped = scheduler.AcknowledgeOperationStatus(
        operation_id=Id("op"), uuid=Uuid(value=status.uuid.value), agent_id=Id(worker.id)
    )
    framework.call("ACKNOWLEDGE_OPERATION_STATUS", acknowledge_operation_status=wrapped)
    worker.listen()
    assert worker.open == {} and worker.records() == []


def test_an_operation_without_an_id_is_nobodys_to_acknowledge() -> None:
    _, framework, worker = scene()
    [offer] = framework.offers()
    framework.accept([offer], reserve(of(RESERVED, cpus=500)), refuse_s=0)
    worker.work()
    assert heard(framework) == [] and worker.open == {} and worker.records() == []


def test_reconciliation_says_what_is_known_by_where_the_agent_is() -> None:
    """Contract D14. Recording: scheduler-operation-feedback; mesos.md §2.6."""
    stage, framework, worker = scene()
    gone = Worker(stage)
    [first, _] = framework.offers()
    framework.accept([first], reserve(of(RESERVED, cpus=500), id=Id("op")), refuse_s=0)
    worker.work()
    heard(framework)
    gone.actor.hang_up()
    stage.pass_time(80_000)
    worker.come_back()
    heard(framework)

    def asked(operation_id: str, agent_id: str | None) -> scheduler.ReconcileOperation:
        where = Id(agent_id) if agent_id else None
        return scheduler.ReconcileOperation(operation_id=Id(operation_id), agent_id=where)

    def answers(*questions: scheduler.ReconcileOperation) -> list[tuple[str, str | None]]:
        call = scheduler.ReconcileOperations(operations=list(questions))
        assert framework.call("RECONCILE_OPERATIONS", reconcile_operations=call).status == 202
        found = heard(framework)
        assert all(status.uuid is None for status in found)
        return [(status.state.value[10:], status.message) for status in found]

    assert answers() == [("FINISHED", None)]
    assert answers(asked("op", worker.id)) == [("FINISHED", None)]
    assert answers(
        asked("no", None), asked("no", worker.id), asked("no", "nowhere"), asked("no", gone.id)
    ) == [
        ("UNKNOWN", "Reconciliation: Operation is unknown and no 'agent_id' was provided"),
        ("UNKNOWN", "Reconciliation: Operation is unknown"),
        ("UNKNOWN", "Reconciliation: Both operation and agent are unknown"),
        ("UNREACHABLE", "Reconciliation: Agent is unreachable"),
    ]
    stage.restart()
    framework.subscribe()
    [(state, _)] = answers(asked("op", worker.id))
    assert state == "RECOVERING"
