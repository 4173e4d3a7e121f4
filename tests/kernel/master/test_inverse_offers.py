"""Frameworks are asked to leave agents that are to be away."""

from kernel.master.deadlines import Kind
from kernel.messages import scheduler
from kernel.messages.maintenance import MachineId, Schedule, Window
from kernel.messages.scheduler import EventType
from kernel.messages.v1 import Filters, Id, InverseOffer, TimeInfo, Unavailability
from tests.kernel.master.stage import SchedulerActor, Stage, running

AWAY = Unavailability(start=TimeInfo(5))


def schedule(stage: Stage) -> None:
    """The agents' machine is to be away."""
    window = Window(machine_ids=[MachineId(hostname="host")], unavailability=AWAY)
    stage.master.cluster.machines.replace(Schedule(windows=[window]))
    for agent_id in stage.master.cluster.agents:
        stage.master.cluster.deadlines.set(Kind.INVERSE, agent_id, stage.mono_ms)
    stage.pass_time(100)


def asked(framework: SchedulerActor) -> list[InverseOffer]:
    taken = [e.inverse_offers for e in framework.said if e.inverse_offers is not None]
    framework.said[:] = [e for e in framework.said if e.inverse_offers is None]
    return [offer for each in taken for offer in each.inverse_offers]


def answer(framework: SchedulerActor, type_: str, offer: InverseOffer, refuse_s: float) -> None:
    given = scheduler.AnswerInverseOffers(
        inverse_offer_ids=[offer.id, Id("nonsense")], filters=Filters(refuse_seconds=refuse_s)
    )
    framework.call(type_, **{type_.lower(): given})


def test_who_has_something_there_is_asked_once() -> None:
    """Source: mesos.md §3.2, 6; recording operator-maintenance."""
    stage = Stage()
    holding, idle, agent = stage.framework("one"), stage.framework("two"), stage.agent()
    running(stage, holding, agent)

    schedule(stage)

    [offer] = asked(holding)
    assert (offer.agent_id, offer.unavailability) == (Id(agent.agent_id), AWAY)
    assert offer.url is not None and offer.url.address.hostname == "host"
    stage.pass_time(60_000)
    assert asked(holding) == [] and len(asked(idle)) <= 1


def test_who_answered_is_asked_again_when_its_filter_ends() -> None:
    """Source: mesos.md §2.5, filter default 5 s; §6, D8."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    schedule(stage)
    [offer] = asked(framework)

    answer(framework, "DECLINE_INVERSE_OFFERS", offer, 10)

    assert stage.master.cluster.inverse.answers[agent.agent_id][framework.framework_id].status == (  # type: ignore[index]
        "DECLINE"
    )
    stage.pass_time(9_900)
    assert asked(framework) == []
    stage.pass_time(200)
    [again] = asked(framework)
    assert again.id != offer.id


def test_a_revival_asks_again_at_once() -> None:
    """Source: mesos.md §1.3, REVIVE drops all filters."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    schedule(stage)
    answer(framework, "ACCEPT_INVERSE_OFFERS", asked(framework)[0], 1_000)

    framework.call("REVIVE")
    framework.offers()

    assert len(asked(framework)) == 1


def test_an_agent_that_goes_takes_its_question_with_it() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    schedule(stage)
    [offer] = asked(framework)

    agent.hang_up()

    told = [e for e in framework.said if e.type is EventType.RESCIND_INVERSE_OFFER]
    assert [e.rescind_inverse_offer.inverse_offer_id for e in told] == [offer.id]  # type: ignore[union-attr]


def test_a_framework_that_comes_back_is_asked_anew() -> None:
    stage = Stage()
    framework, agent = stage.framework(), stage.agent()
    running(stage, framework, agent)
    schedule(stage)
    [offer] = asked(framework)

    framework.subscribe()
    framework.offers()

    [again] = asked(framework)
    assert again.id != offer.id
    assert list(stage.master.cluster.inverse.outstanding) == [again.id.value]


def test_nobody_answers_for_another() -> None:
    stage = Stage()
    framework, other, agent = stage.framework("one"), stage.framework("two"), stage.agent()
    running(stage, framework, agent)
    schedule(stage)
    [offer] = asked(framework)

    answer(other, "DECLINE_INVERSE_OFFERS", offer, 10)

    assert offer.id.value in stage.master.cluster.inverse.outstanding
