"""Subscribing, failing over, going away and ending, as schedulers see it."""

import pytest

from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.scheduler import EventType
from kernel.messages.v1 import FrameworkInfo, Id
from kernel.model.task import TaskState
from tests.kernel.master.stage import Stage, running


def error_of(framework) -> str | None:  # type: ignore[no-untyped-def]
    [event] = framework.hear()
    return event.error.message if event.error is not None else None


def test_a_new_framework_is_greeted_with_an_id_and_a_heartbeat() -> None:
    """Source: mesos.md §6, A1."""
    stage = Stage()

    framework = stage.framework()

    subscribed, heartbeat = framework.said
    assert subscribed.type is EventType.SUBSCRIBED
    assert subscribed.subscribed.framework_id.value == "M0-0000"
    assert subscribed.subscribed.heartbeat_interval_seconds == 15.0
    assert heartbeat.type is EventType.HEARTBEAT
    assert stage.framework("g").framework_id == "M0-0001"


def test_a_heartbeat_comes_every_fifteen_seconds() -> None:
    stage = Stage()
    framework = stage.framework()
    framework.said.clear()

    stage.pass_time(45_000)

    assert [e.type for e in framework.said] == [EventType.HEARTBEAT] * 3


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (
            {"roles": ("/test/test1",)},
            "'FrameworkInfo.roles' contains invalid role: Role '/test/test1' cannot start with a"
            " slash",
        ),
        ({"roles": ("a", "a")}, "'FrameworkInfo.roles' contains duplicate items: { a }"),
        (
            {"role": "a"},
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
        ),
        ({"failover_timeout": 1e20}, "The framework failover_timeout (1e+20) is invalid"),
        ({"framework_id": "a/b"}, "'a/b' contains invalid characters"),
        (
            {"suppressed": ("other",)},
            "Suppressed roles { other } are not contained in the set of roles",
        ),
        (
            {"constraints": {"role_constraints": {"other": {"groups": []}}}},
            "Offer constraints specify `role_constraints` for a role 'other'not contained in the"
            " set of roles",
        ),
    ],
)
def test_a_bad_framework_info_is_an_error_and_the_end(more: dict[str, object], text: str) -> None:
    """Source: recordings subscribe-rejected-*."""
    stage = Stage()

    framework = stage.framework(**more)

    assert error_of(framework) == text
    assert stage.closed == [framework.stream_id]
    assert stage.master.cluster.frameworks == {}


def test_roles_need_multi_role() -> None:
    """Source: recording subscribe-rejected-roles-without-multi-role."""
    stage = Stage()

    framework = stage.framework(capabilities=(), roles=())
    framework.info = FrameworkInfo(user="root", name="g", roles=["a"])
    framework.framework_id = ""
    framework.subscribe()

    assert error_of(framework) == (
        "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
    )


def test_an_id_never_seen_is_adopted() -> None:
    """Source: mesos-observed.md §1, row 4."""
    framework = Stage().framework(framework_id="never-seen")

    assert framework.said[0].subscribed is not None
    assert framework.framework_id == "never-seen"


def test_a_second_subscription_fails_the_first_over() -> None:
    """Source: mesos.md §2.7.2, §6 A9; recording scheduler-failover."""
    stage = Stage()
    framework = stage.framework()
    stage.agent()
    [offer] = framework.offers()
    old_stream = framework.stream_id

    framework.subscribe()
    stage.pass_time(20)

    error = stage.said[old_stream][-1]
    assert error.error is not None and error.error.message == "Framework failed over"
    assert stage.closed == [old_stream]
    types = [e.type for e in framework.said]
    assert types == [EventType.SUBSCRIBED, EventType.HEARTBEAT, EventType.OFFERS]
    [again] = framework.offers()
    assert again.id != offer.id and again.resources == offer.resources
    framework.stream_id, new_stream = old_stream, framework.stream_id
    assert framework.call("REVIVE").status == 400
    framework.stream_id = new_stream
    assert framework.call("REVIVE").status == 202


def test_calls_are_refused_in_mesos_order() -> None:
    """Source: mesos.md §2.3, rows 11 to 14; recording status-scheduler."""
    stage = Stage()
    framework = stage.framework()
    stream_id = framework.stream_id

    framework.stream_id = None  # type: ignore[assignment]
    assert framework.call("REVIVE").message == (
        "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    )
    framework.stream_id = "garbage"
    assert framework.call("REVIVE").message == (
        "The stream ID 'garbage' included in this request didn't match the stream ID currently"
        " associated with framework ID M0-0000"
    )
    framework.stream_id = stream_id
    framework.hang_up()
    answer = framework.call("REVIVE")
    assert (answer.status, answer.message) == (403, "Framework is not subscribed")
    framework.framework_id = "nope"
    answer = framework.call("REVIVE")
    assert (answer.status, answer.message) == (400, "Framework cannot be found")


def test_a_call_of_type_unknown_is_not_implemented() -> None:
    """Source: mesos-observed.md §1, row 2: real Mesos aborts."""
    assert Stage().framework().call("UNKNOWN").status == 501


def test_a_framework_that_stays_away_too_long_is_removed() -> None:
    """Source: mesos.md §6, A11."""
    stage = Stage()
    framework = stage.framework(failover_timeout=10.0)
    agent = stage.agent()
    running(stage, framework, agent)
    framework.hang_up()

    stage.pass_time(9_999)
    assert agent.hear() == []
    stage.pass_time(1)

    assert agent.hear() == [
        agent_messages.ShutdownFramework(framework_id=Id(framework.framework_id))
    ]
    framework.subscribe()
    assert error_of(framework) == "Framework has been removed"


def test_a_framework_that_comes_back_in_time_keeps_its_tasks() -> None:
    """Source: mesos.md §6, A8; recording scheduler-resubscribe."""
    stage = Stage()
    framework = stage.framework(failover_timeout=10.0)
    agent = stage.agent()
    running(stage, framework, agent)
    agent.say(agent.update(framework, "t1", TaskState.RUNNING, healthy=True))
    framework.hear()
    framework.hang_up()
    stage.pass_time(9_000)

    framework.subscribe()

    assert framework.said[0].type is EventType.SUBSCRIBED
    [pending] = framework.statuses()
    assert pending.healthy is True and pending.uuid is not None
    stage.pass_time(60_000)
    assert "t1" in stage.master.cluster.frameworks[framework.framework_id].tasks


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
def test_without_failover_timeout_the_end_of_the_stream_is_the_end(timeout_s: float) -> None:
    """Source: mesos.md §1.4; mesos-observed.md §1, row 1."""
    stage = Stage()
    framework = stage.framework(failover_timeout=timeout_s)

    framework.hang_up()

    assert stage.master.cluster.frameworks == {}
    assert list(stage.master.cluster.completed) == [framework.framework_id]


def test_a_teardown_shuts_down_and_frees_when_the_tasks_have_ended() -> None:
    """Source: mesos.md §6, A12. DIFFERS: Mesos frees before the processes have ended."""
    stage = Stage()
    framework = stage.framework()
    agent = stage.agent()
    running(stage, framework, agent)
    framework_id = Id(framework.framework_id)

    assert framework.call("TEARDOWN").status == 202

    assert framework.stream_id in stage.closed
    assert agent.hear() == [agent_messages.ShutdownFramework(framework_id=framework_id)]
    other = stage.framework("other", roles=("other",))
    assert sum(r.scalar.value for r in other.offers()[0].resources if r.name == "cpus") == 3.0
    update = agent.update(framework, "t1", TaskState.KILLED)
    agent.say(update)
    assert agent.hear() == [
        agent_messages.AcknowledgeUpdate(
            framework_id=framework_id, task_id=Id("t1"), uuid=update.status.uuid
        )
    ]
    assert sum(r.scalar.value for r in other.offers()[0].resources if r.name == "cpus") == 1.0


def test_a_principal_cannot_change() -> None:
    """Source: mesos.md §6, A10."""
    stage = Stage()
    framework = stage.framework(principal="p")

    framework.subscribe(principal="q")

    assert error_of(framework) == "Changing framework's principal is not allowed."


def test_user_and_checkpoint_do_not_change_on_resubscription() -> None:
    """Source: mesos.md §2.7.4."""
    stage = Stage()
    framework = stage.framework()

    framework.subscribe(user="nobody", checkpoint=False, name="renamed")

    info = stage.master.cluster.frameworks[framework.framework_id].info
    assert (info.user, info.checkpoint, info.name) == ("root", True, "renamed")


def update_framework(framework, **changes):  # type: ignore[no-untyped-def]
    changed = {"id": Id(framework.framework_id), **changes}
    fields = {n: getattr(framework.info, n) for n in framework.info.__struct_fields__}
    info = FrameworkInfo(**{**fields, **changed})
    return framework.call(
        "UPDATE_FRAMEWORK", update_framework=scheduler.Subscribe(framework_info=info)
    )


def test_what_may_not_change_by_update_framework_is_refused() -> None:
    """Source: recording scheduler-update-framework."""
    framework = Stage().framework(principal="p")

    assert update_framework(framework, user="nobody").message == (
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported;"
        " attempted to update from 'root' to 'nobody'"
    )
    assert update_framework(framework, checkpoint=False).message == (
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported;"
        " attempted to update from 'true' to 'false'"
    )
    assert update_framework(framework, principal="q").message == (
        "FrameworkInfo update is not valid: Changing framework's principal is not allowed."
    )
    assert update_framework(framework, roles=["/bad"]).message == (
        "Supplied FrameworkInfo is not valid: 'FrameworkInfo.roles' contains invalid role: Role"
        " '/bad' cannot start with a slash"
    )
    assert update_framework(framework, name="renamed").status == 200


def test_a_role_that_goes_loses_its_offers_and_one_that_comes_gets_some() -> None:
    """Source: mesos.md §6, A16."""
    stage = Stage()
    framework = stage.framework()
    stage.agent()
    [offer] = framework.offers()
    framework.hear()

    assert update_framework(framework, roles=["new"]).status == 200

    stage.pass_time(20)
    rescind, offers = framework.hear()
    assert rescind.rescind is not None and rescind.rescind.offer_id == offer.id
    assert offers.offers is not None
    assert offers.offers.offers[0].allocation_info.role == "new"


def test_offer_constraints_choose_the_agents() -> None:
    """Source: mesos.md §6, D16."""
    stage = Stage()
    stage.agent(attributes="rack:r1")
    wanted = stage.agent(attributes="rack:r2")
    predicate = {"text_equals": {"value": "r2"}}
    constraint = {"selector": {"attribute_name": "rack"}, "predicate": predicate}
    groups = [{"attribute_constraints": [constraint]}]

    framework = stage.framework(constraints={"role_constraints": {"test": {"groups": groups}}})

    assert [o.agent_id.value for o in framework.offers()] == [wanted.agent_id]


def test_the_completed_are_forgotten_one_day() -> None:
    """Source: Mesos, --max_completed_frameworks."""
    stage = Stage(completed_frameworks_max=2)
    ids = []
    for _ in range(3):
        framework = stage.framework(failover_timeout=0.0)
        ids.append(framework.framework_id)
        framework.hang_up()

    assert list(stage.master.cluster.completed) == ids[1:]
