"""What is offered, declined, taken back and rescinded."""

from kernel.messages import scheduler
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import Id, Resource
from kernel.model.resources import parse
from tests.kernel.master.stage import DEFAULT_RESOURCES, Stage


def test_an_offer_says_what_mesos_says() -> None:
    """Source: recording scheduler-subscribe."""
    stage = Stage()
    agent = stage.agent(hostname="localhost", attributes="rack:r1;level:10")
    framework = stage.framework()

    [offer] = framework.offers()

    assert offer.id.value == "M0-O0"
    assert offer.agent_id.value == agent.agent_id == "M0-S0"
    assert offer.allocation_info is not None and offer.allocation_info.role == "test"
    assert {r.allocation_info.role for r in offer.resources if r.allocation_info} == {"test"}
    assert {r.role for r in offer.resources} == {None}
    assert from_wire(offer.resources) == parse(DEFAULT_RESOURCES)
    assert offer.url is not None
    assert (offer.url.path, offer.url.address.ip, offer.url.address.port) == (
        "/slave(1)",
        "127.0.0.1",
        5051,
    )
    assert [a.name for a in offer.attributes] == ["rack", "level"]


def test_a_legacy_framework_sees_roles_and_no_allocation() -> None:
    """Source: recording scheduler-legacy-offer."""
    stage = Stage()
    stage.agent()

    [offer] = stage.framework(capabilities=()).offers()

    assert offer.allocation_info is None
    assert {(r.role, r.allocation_info) for r in offer.resources} == {("*", None)}


def test_all_agents_come_in_one_event() -> None:
    stage = Stage()
    stage.agent()
    stage.agent()

    framework = stage.framework()

    stage.pass_time(20)
    [_, event] = framework.hear()
    assert event.offers is not None and len(event.offers.offers) == 2


def test_an_offer_is_exclusive() -> None:
    stage = Stage()
    stage.agent()
    one, other = stage.framework("one"), stage.framework("other")

    stage.pass_time(10_000)

    assert len(one.offers() + other.offers()) == 1


def test_what_was_declined_goes_to_the_other_at_once() -> None:
    """DIFFERS from Mesos, where it waits for the next tick."""
    stage = Stage()
    stage.agent()
    one, other = stage.framework("one"), stage.framework("other")
    [offer] = one.offers()

    one.decline(offer)

    assert len(other.offers()) == 1


def test_a_declined_agent_is_offered_again_after_the_filter() -> None:
    """Source: mesos.md §6, B2."""
    stage = Stage()
    stage.agent()
    framework = stage.framework()
    framework.decline(*framework.offers(), refuse_s=5)

    stage.pass_time(4_900)
    assert framework.offers() == []
    stage.pass_time(1_100)

    assert len(framework.offers()) == 1


def test_declined_for_nothing_it_comes_back_at_the_next_tick() -> None:
    """Source: recording scheduler-decline-revive-suppress."""
    stage = Stage()
    stage.agent()
    framework = stage.framework()
    framework.decline(*framework.offers(), refuse_s=0)

    stage.pass_time(1_000)

    assert len(framework.offers()) == 1


def test_declining_what_is_not_there_is_passed_over() -> None:
    framework = Stage().framework()

    decline = scheduler.Decline(offer_ids=[Id("nope")])

    assert framework.call("DECLINE", decline=decline).status == 202


def test_another_cannot_decline_my_offer() -> None:
    stage = Stage()
    stage.agent()
    one, other = stage.framework("one"), stage.framework("other")
    [offer] = one.offers()

    other.decline(offer)

    assert offer.id.value in stage.master.cluster.offers


def test_a_revival_brings_offers_at_once() -> None:
    stage = Stage()
    stage.agent()
    framework = stage.framework()
    framework.decline(*framework.offers(), refuse_s=1_000)
    assert framework.offers() == []

    framework.call("REVIVE")

    assert len(framework.offers()) == 1


def test_a_revival_with_an_invalid_role_does_nothing() -> None:
    """Source: mesos.md §2.5, REVIVE."""
    stage = Stage()
    stage.agent()
    framework = stage.framework()
    framework.decline(*framework.offers(), refuse_s=1_000)

    answer = framework.call("REVIVE", revive=scheduler.Roles(roles=["/bad"]))

    assert answer.status == 202
    assert framework.offers() == []


def test_a_suppressed_role_gets_nothing_until_revived() -> None:
    stage = Stage()
    framework = stage.framework()
    framework.call("SUPPRESS")
    stage.agent()
    assert framework.offers() == []

    framework.call("REVIVE", revive=scheduler.Roles(roles=["test"]))

    assert len(framework.offers()) == 1


def test_suppressed_from_the_start() -> None:
    stage = Stage()
    stage.agent()

    assert stage.framework(suppressed=("test",)).offers() == []


def test_a_broken_agent_stream_rescinds_and_its_return_offers_again() -> None:
    """Source: mesos-observed.md §2, agent restart."""
    stage = Stage()
    agent = stage.agent()
    framework = stage.framework()
    [offer] = framework.offers()
    framework.hear()

    agent.hang_up()

    [event] = framework.hear()
    assert event.rescind is not None and event.rescind.offer_id == offer.id
    stage.pass_time(2_000)
    assert framework.offers() == []
    agent.subscribe()
    assert len(framework.offers()) == 1


def test_a_scheduler_that_goes_leaves_its_offers_to_others() -> None:
    stage = Stage()
    stage.agent()
    one = stage.framework("one")
    assert len(one.offers()) == 1

    one.hang_up()

    assert len(stage.framework("other").offers()) == 1


def test_a_reservation_is_written_for_who_can_read_it() -> None:
    stage = Stage()
    stage.agent("cpus(test):2;mem:512")

    [offer] = stage.framework().offers()

    [reserved] = [r for r in offer.resources if r.reservations]
    assert isinstance(reserved, Resource) and reserved.reservations[0].role == "test"


def test_an_unused_offer_is_rescinded_after_the_timeout_and_made_again() -> None:
    """Source: mesos.md §6, B6; recording scheduler-offer-timeout."""
    stage = Stage(offer_timeout_ms=4_000)
    agent, framework = stage.agent(), stage.framework()
    [offer] = framework.offers()

    stage.pass_time(4_000)

    [rescinded] = [e.rescind for e in framework.said if e.rescind is not None]
    assert rescinded.offer_id == offer.id
    [again] = framework.offers()
    assert (again.agent_id, again.resources) == (Id(agent.agent_id), offer.resources)


def test_an_offer_that_was_used_or_declined_is_not_rescinded() -> None:
    """Source: mesos.md §6, B6."""
    stage = Stage(offer_timeout_ms=4_000)
    stage.agent(), stage.agent()
    framework = stage.framework()
    first, second = framework.offers()
    framework.accept([first], refuse_s=60)
    framework.decline(second, refuse_s=60)
    stage.pass_time(10_000)

    assert not [e for e in framework.said if e.rescind is not None]


def test_offers_do_not_end_by_themselves_if_nobody_says_so() -> None:
    """Source: mesos.md §1.3: no expiry by default."""
    stage = Stage()
    stage.agent()
    framework = stage.framework()
    [offer] = framework.offers()

    stage.pass_time(70_000)

    assert list(stage.master.cluster.offers) == [offer.id.value]
