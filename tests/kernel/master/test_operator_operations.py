"""Operators reserve and make volumes: what is on offer is rescinded, but no more than needed."""

import pytest

from kernel.master.events import CallAnswered, OperatorCallReceived
from kernel.messages import operator_calls as calls
from kernel.messages.operator import Call, CallType
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import Id, ScalarValue
from kernel.model.kinds import Reservation, kind
from kernel.model.resources import NOTHING, Resources, parse
from kernel.model.task import TaskState
from tests.kernel.master.operating import RESERVED, Worker, of, one, volume, wire
from tests.kernel.master.stage import SchedulerActor, Stage, task

MISSING = Id("no-such")


def ask(
    stage: Stage, type_: str, *, principal: str | None = None, **payload: object
) -> CallAnswered:
    request_id = stage.new_request()
    call = Call(type=CallType(type_), **payload)  # type: ignore[arg-type]
    effects = stage.post(OperatorCallReceived(request_id, call, principal))
    [answer] = [e for e in effects if isinstance(e, CallAnswered)]
    return answer


def reserve(stage: Stage, agent_id: str, bundle: Resources, **more: object) -> CallAnswered:
    source = wire(more.pop("source", NOTHING))  # type: ignore[arg-type]
    payload = calls.ReserveResources(agent_id=Id(agent_id), resources=wire(bundle), source=source)
    return ask(stage, "RESERVE_RESOURCES", reserve_resources=payload, **more)  # type: ignore[arg-type]


def unreserve(stage: Stage, agent_id: str, bundle: Resources) -> CallAnswered:
    payload = calls.UnreserveResources(agent_id=Id(agent_id), resources=wire(bundle))
    return ask(stage, "UNRESERVE_RESOURCES", unreserve_resources=payload)


def volumes(stage: Stage, type_: str, agent_id: str, bundle: Resources) -> CallAnswered:
    payload = calls.Volumes(agent_id=Id(agent_id), volumes=wire(bundle))
    return ask(stage, type_, **{type_.lower(): payload})


def scene() -> tuple[Stage, SchedulerActor, Worker]:
    stage = Stage()
    return stage, stage.framework(), Worker(stage)


def rescinded(framework: SchedulerActor) -> list[str]:
    return [e.rescind.offer_id.value for e in framework.hear() if e.rescind is not None]


def test_what_is_offered_is_rescinded_and_reserved() -> None:
    """Contract D7. Recording: operator-reserve-resources."""
    stage, framework, worker = scene()
    [offer] = framework.offers()
    framework.hear()

    assert reserve(stage, worker.id, of(RESERVED, cpus=250, disk=100_000)).status == 202

    worker.work()
    [again] = framework.offers()
    assert rescinded(framework) == [offer.id.value]
    assert from_wire(again.resources) == worker.total
    assert worker.total.contains(of(RESERVED, cpus=250, disk=100_000))


def test_no_more_is_rescinded_than_is_needed() -> None:
    """Source: mesos.md §2.9, rescinds just enough offers on the agent."""
    stage = Stage()
    worker = Worker(stage, "cpus:4;mem:4096;mem(a):1024;mem(b):1024")
    frameworks = {name: stage.framework(name, roles=(name,)) for name in ("a", "b")}
    offers = {name: framework.offers() for name, framework in frameworks.items()}
    names = {name: [r.name for o in found for r in o.resources] for name, found in offers.items()}
    [owner] = [name for name, found in names.items() if "cpus" in found]
    [other] = [name for name in frameworks if name != owner]
    assert names[other] == ["mem"]

    op_role = kind((Reservation("op", is_dynamic=True),))
    assert reserve(stage, worker.id, of(op_role, cpus=1_000)).status == 202
    assert rescinded(frameworks[other]) == []
    assert rescinded(frameworks[owner]) == [offer.id.value for offer in offers[owner]]


def test_what_nobody_can_give_is_refused_and_nothing_is_rescinded() -> None:
    """Recording: status-operator-master, RESERVE_RESOURCES of 9999 cpus."""
    stage, framework, worker = scene()
    framework.offers()
    framework.hear()

    answer = reserve(stage, worker.id, of(RESERVED, cpus=9_999_000))
    assert (answer.status, answer.message) == (
        409,
        "cpus:4; mem:4096; disk:1000 does not contain cpus:9999",
    )
    assert rescinded(framework) == []


def test_a_reservation_under_a_volume_stays() -> None:
    """Contract D7. Recordings: operator-create-volumes, operator-unreserve-refused."""
    stage, _, worker = scene()
    reserve(stage, worker.id, of(RESERVED, disk=100_000))
    assert volumes(stage, "CREATE_VOLUMES", worker.id, of(volume(), disk=50_000)).status == 202
    worker.work()

    answer = unreserve(stage, worker.id, of(RESERVED, disk=100_000))
    assert answer.status == 409
    assert answer.message == (
        "cpus:4; mem:4096; disk:900; disk(reservations: [(DYNAMIC,test)]):50;"
        " disk(reservations: [(DYNAMIC,test)])[v:data]:50 does not contain"
        " disk(reservations: [(DYNAMIC,test)]):100"
    )
    assert volumes(stage, "DESTROY_VOLUMES", worker.id, of(volume(), disk=50_000)).status == 202
    assert unreserve(stage, worker.id, of(RESERVED, disk=100_000)).status == 202
    worker.work()
    assert worker.total == parse("cpus:4;mem:4096;disk:1000")


def test_a_source_is_re_reserved_in_one_step() -> None:
    """Source: mesos.md §2.9, RESERVE_RESOURCES with `source`."""
    stage, _, worker = scene()
    other = kind((Reservation("ops", is_dynamic=True),))
    reserve(stage, worker.id, of(RESERVED, cpus=1_000))

    moved = reserve(stage, worker.id, of(other, cpus=1_000), source=of(RESERVED, cpus=1_000))
    assert moved.status == 202
    worker.work()
    assert worker.total.contains(of(other, cpus=1_000))
    more = reserve(stage, worker.id, of(other, cpus=2_000), source=of(other, cpus=1_000))
    assert more.status == 400
    assert "should refer to identical resource quantities: cpus:1 vs. cpus:2" in more.message


def test_volumes_grow_and_shrink_when_the_agent_has_done_it() -> None:
    stage, framework, worker = scene()
    reserve(stage, worker.id, of(RESERVED, disk=100_000))
    volumes(stage, "CREATE_VOLUMES", worker.id, of(volume(), disk=50_000))
    grow = calls.GrowVolume(
        agent_id=Id(worker.id),
        volume=one(of(volume(), disk=50_000)),
        addition=one(of(RESERVED, disk=30_000)),
    )
    assert ask(stage, "GROW_VOLUME", grow_volume=grow).status == 202
    worker.work()
    assert worker.total.contains(of(volume(), disk=80_000))

    shrink = calls.ShrinkVolume(
        agent_id=Id(worker.id), volume=one(of(volume(), disk=80_000)), subtract=ScalarValue(60)
    )
    assert ask(stage, "SHRINK_VOLUME", shrink_volume=shrink).status == 202
    worker.work()
    stage.pass_time(10_000)
    [*_, offer] = framework.offers()
    assert from_wire(offer.resources) == worker.total
    assert worker.total.contains(of(volume(), disk=20_000) + of(RESERVED, disk=80_000))


def test_a_volume_in_use_is_not_destroyed() -> None:
    stage, framework, worker = scene()
    reserve(stage, worker.id, of(RESERVED, disk=50_000))
    volumes(stage, "CREATE_VOLUMES", worker.id, of(volume(), disk=50_000))
    worker.work()
    stage.pass_time(6_000)
    [*_, offer] = framework.offers()
    used = wire(of(volume(), disk=50_000) + parse("cpus:1"))
    framework.launch(offer, task("t", worker.actor, resources=used))

    answer = volumes(stage, "DESTROY_VOLUMES", worker.id, of(volume(), disk=50_000))
    assert (answer.status, answer.message) == (
        400,
        "Invalid DESTROY operation: Persistent volumes in use",
    )
    worker.actor.say(worker.actor.update(framework, "t", TaskState.FINISHED))
    answer = volumes(stage, "DESTROY_VOLUMES", worker.id, of(volume(), disk=50_000))
    assert answer.status == 202


def test_refusals_are_mesoss_by_the_letter() -> None:
    """Recordings: status-operator-master, v0-post-reserve-bad."""
    stage, _, worker = scene()
    nowhere = calls.ReserveResources(agent_id=MISSING, resources=[])
    answer = ask(stage, "RESERVE_RESOURCES", reserve_resources=nowhere)
    assert (answer.status, answer.message) == (400, "No agent found with specified ID")

    answer = reserve(stage, worker.id, parse("cpus:1"))
    assert (answer.status, answer.message) == (
        400,
        "Invalid RESERVE operation on agent M0-S0 at slave(1)@host:5051 (host): Resource cpus:1 is"
        " not dynamically reserved",
    )
    answer = volumes(stage, "DESTROY_VOLUMES", worker.id, of(volume("a"), disk=1_000))
    assert (answer.status, answer.message) == (
        400,
        "Invalid DESTROY operation: Persistent volumes not found",
    )
    answer = volumes(stage, "CREATE_VOLUMES", worker.id, of(volume("a"), disk=1_000))
    assert answer.status == 409
    assert answer.message.endswith("does not contain disk(reservations: [(DYNAMIC,test)]):1")


def test_a_reservation_and_its_refinement_are_made_and_undone_in_one_call() -> None:
    """The second takes what the first makes, which nobody had before."""
    stage, _, worker = scene()
    refined = RESERVED.pushed(Reservation("test/api", is_dynamic=True))
    before = worker.total

    both = of(RESERVED, cpus=1_000) + of(refined, cpus=1_000)
    assert reserve(stage, worker.id, both).status == 202
    worker.work()
    assert worker.total.of_role("test/api") == of(refined, cpus=1_000)
    undo = of(refined, cpus=1_000) + of(RESERVED, cpus=1_000)
    undone = calls.UnreserveResources(agent_id=Id(worker.id), resources=wire(undo))
    answer = ask(stage, "UNRESERVE_RESOURCES", unreserve_resources=undone)
    worker.work()

    assert (answer.status, worker.total) == (202, before), answer.message


@pytest.mark.parametrize("role", ["/test", "a b", "a/../b", "a/" * 200 + "a"])
def test_nothing_is_reserved_for_what_is_no_role(role: str) -> None:
    """Source: Mesos, src/common/resources.cpp, Resources::validate (roles::validate)."""
    stage, _, worker = scene()
    answer = reserve(stage, worker.id, of(kind((Reservation(role, is_dynamic=True),)), cpus=1_000))
    assert answer.status == 400 and "Invalid reservation: Role '" in answer.message


@pytest.mark.parametrize(("principal", "status"), [("me", 202), ("you", 400), (None, 202)])
def test_an_operator_reserves_under_its_own_name(principal: str | None, status: int) -> None:
    """Source: Mesos, src/master/validation.cpp, validate(Reserve)."""
    stage, _, worker = scene()
    mine = kind((Reservation("test", is_dynamic=True, principal="me"),))
    assert reserve(stage, worker.id, of(mine, cpus=1_000), principal=principal).status == status


def test_an_agent_that_is_away_is_not_asked() -> None:
    stage, _, worker = scene()
    worker.actor.hang_up()
    answer = reserve(stage, worker.id, of(RESERVED, cpus=1_000))
    assert answer.status == 409 and "is not connected" in answer.message


def test_what_is_under_way_is_shown() -> None:
    """Recording: operator-get-operations (none), Mesos, master.proto, GetOperations."""
    stage, _, worker = scene()
    view = stage.master.operators.views[CallType.GET_OPERATIONS]
    assert view() == {}
    reserve(stage, worker.id, of(RESERVED, cpus=1_000))

    [shown] = view()["operations"]
    assert shown["agent_id"] == Id(worker.id)
    assert shown["latest_status"].state == "OPERATION_PENDING"
    worker.work()
    assert view() == {}
