"""What the operator's flags leave out is told so, or offered to nobody. Source: mesos.md §1.1."""

import pytest
from msgspec.structs import replace

from kernel.master.events import HostsListed
from kernel.messages.operator_calls import Explain, OfAgent
from kernel.messages.scheduler import Subscribe
from kernel.messages.v1 import Id
from tests.kernel.master.stage import SchedulerActor, Stage


def refusal(framework: SchedulerActor) -> str:
    [event] = framework.hear()
    assert event.error is not None, event
    return event.error.message


def test_a_framework_of_another_role_is_refused_and_the_default_role_never_is() -> None:
    """Source: Mesos, Master::validateFramework, --roles."""
    stage = Stage(roles=("a", "b"))

    assert refusal(stage.framework(roles=("a", "x", "y"))) == (
        "Roles { x, y } are not present in the master's --roles"
    )
    assert stage.framework(roles=("a", "*")).framework_id
    assert stage.framework(capabilities=()).framework_id


def test_a_framework_can_not_update_itself_into_another_role() -> None:
    stage = Stage(roles=("a",))
    framework = stage.framework(roles=("a",))

    changed = replace(framework.info, roles=["a", "x"])
    answer = framework.call("UPDATE_FRAMEWORK", update_framework=Subscribe(framework_info=changed))
    assert answer.status == 400
    assert "Roles { x } are not present in the master's --roles" in answer.message


def test_without_root_submissions_frameworks_of_root_are_refused() -> None:
    """Source: Mesos, --root_submissions."""
    stage = Stage(takes_root=False)

    assert refusal(stage.framework(user="root")) == (
        "User 'root' is not allowed to run frameworks without --root_submissions set"
    )
    assert stage.framework(user="nobody").framework_id


def offered_hosts(framework: SchedulerActor) -> list[str]:
    return sorted(offer.hostname for offer in framework.offers())


def test_agents_of_hosts_that_are_not_listed_stay_registered_and_are_not_offered() -> None:
    stage = Stage()
    stage.post(HostsListed(("h1",)))
    framework = stage.framework()
    for name in ("h1", "h2"):
        stage.agent(hostname=name)

    assert offered_hosts(framework) == ["h1"]
    assert len(stage.master.cluster.agents) == 2

    stage.post(HostsListed(("h1", "h2")))
    assert offered_hosts(framework) == ["h2"]


def test_an_empty_list_offers_nobodys_agents_and_outstanding_offers_stay() -> None:
    stage = Stage()
    framework = stage.framework()
    stage.agent(hostname="h1")
    [offer] = framework.offers()
    stage.post(HostsListed(()))

    assert offer.id.value in stage.master.cluster.offers
    framework.decline(offer, refuse_s=0)
    stage.pass_time(10_000)
    assert offered_hosts(framework) == []


@pytest.mark.parametrize("is_deactivated", [False, True])
def test_why_names_the_list(is_deactivated: bool) -> None:
    stage = Stage()
    framework = stage.framework()
    stage.post(HostsListed(("other",)))
    agent = stage.agent(hostname="h1")
    if is_deactivated:
        from_agent = {"deactivate_agent": OfAgent(agent_id=Id(agent.agent_id))}
        assert stage.operate("DEACTIVATE_AGENT", **from_agent).status == 200
    shown = stage.operate("EXPLAIN", explain=Explain(framework_id=Id(framework.framework_id))).shown

    assert shown is not None
    state = "deactivated" if is_deactivated else "not on the operator's list of hosts to offer"
    assert f"Agent h1 is {state} and offered to nobody." in shown["sentences"]
