"""Whole lives of apps, against a small true Mesos."""

from typing import get_args

from kernel.machine import Persist
from kernel.messages import scheduler
from kernel.model.task import TaskState
from marathon_app.core import effects, events, supervisor, views
from tests.marathon_app.core.world import World, update

HTTP = {
    "protocol": "HTTP",
    "path": "/health",
    "gracePeriodSeconds": 10,
    "intervalSeconds": 5,
    "maxConsecutiveFailures": 3,
}


def test_every_event_has_its_handler() -> None:
    assert set(supervisor._HANDLERS) == set(get_args(events.Event))


def test_a_created_app_runs_as_often_as_it_wants() -> None:
    world = World()

    answer = world.put("/web", cmd="sleep 100", instances=3)

    world.accepted(answer)
    assert len(world.running("/web")) == 3
    assert world.deployments == []
    assert world.published(
        "group_change_success", "deployment_info", "deployment_step_success", "deployment_success"
    ) == [
        "group_change_success",
        "deployment_info",
        "deployment_step_success",
        "deployment_info",
        "deployment_step_success",
        "deployment_success",
    ]


def test_the_deployment_exists_before_the_answer_leaves() -> None:
    """Source: Marathon clients poll at once (C8)."""
    world = World()
    request = events.RootUpdateRequested(1, events.PutApps(()))

    world.auto_run = lambda task: False
    answer = world.put("/web", cmd="sleep 100")

    assert world.accepted(answer) in world.deployments
    assert isinstance(world.post(request)[-1], effects.ChangeAccepted)


def test_a_hundred_instances_go_into_one_accept() -> None:
    world = World()

    world.put("/web", cmd="sleep 100", instances=100, cpus=0.1, mem=16)

    calls = [e.call for e in world.effects if isinstance(e, effects.SendCall)]
    accepts = [call.accept for call in calls if call.accept is not None]
    assert len(accepts) == 1
    launch = accepts[0].operations[0].launch
    assert launch is not None
    assert len(launch.task_infos) == 100
    assert len({i.ports for i in world.running("/web")}) == 100


def test_the_framework_id_is_durable_before_anything_is_sent() -> None:
    world = World()

    subscribed = next(
        i for i, e in enumerate(world.effects) if isinstance(e, Persist) and "fw-0001" in str(e)
    )
    assert subscribed < next(
        i for i, e in enumerate(world.effects) if isinstance(e, effects.SendCall)
    )


def test_offers_are_wanted_only_while_something_waits() -> None:
    world = World()

    assert world.is_suppressed
    world.auto_run = lambda task: False
    world.put("/web", cmd="sleep 100", cpus=1000)
    assert not world.is_suppressed
    world.put("/web", cpus=1, force=True)
    world.after(1_000)

    assert world.is_suppressed


def test_every_update_is_acknowledged() -> None:
    world = World()

    world.put("/web", cmd="sleep 100", instances=2)

    assert len(world.acknowledged) == 2


def test_scaling_keeps_the_instances_that_run() -> None:
    world = World()
    world.put("/web", cmd="sleep 100", instances=2)
    first = {i.task_id for i in world.running("/web")}

    world.put("/web", instances=4)
    assert first <= {i.task_id for i in world.running("/web")}
    world.put("/web", instances=1)

    left = {i.task_id for i in world.running("/web")}
    assert len(left) == 1
    assert left <= first  # youngest first


def test_an_upgrade_replaces_all_and_never_falls_below_the_minimum() -> None:
    world = World()
    world.put("/web", cmd="v1", instances=4, upgradeStrategy={"maximumOverCapacity": 0.25})
    old = {i.task_id for i in world.running("/web")}

    world.put("/web", cmd="v2")

    new = world.running("/web")
    assert len(new) == 4
    assert not old & {i.task_id for i in new}
    assert all(world.task(i.task_id).command.value == "v2" for i in new)  # type: ignore[union-attr]
    assert world.deployments == []


def test_a_broken_version_leaves_the_old_one_serving_and_says_why() -> None:
    world = World()
    world.put("/web", cmd="v1", instances=4, healthChecks=[HTTP])
    world.judge_all("/web", True)
    old = {i.task_id for i in world.running("/web")}

    world.put("/web", cmd="v2")
    for _ in range(20):
        world.after(5_000)
        for instance in world.running("/web"):
            world.probe(instance.task_id, instance.task_id in old, "connection refused")

    assert old <= {i.task_id for i in world.running("/web")}
    assert len(world.deployments) == 1
    said = " ".join(views.deployments(world.machine, world.now)[0].waiting_for)
    assert "4 old kept, since at least 4 must stay healthy" in said
    assert "connection refused" in said


def test_rolling_back_a_broken_version_restarts_nothing_that_still_runs() -> None:
    world = World()
    world.put("/web", cmd="v1", instances=4, healthChecks=[HTTP])
    world.judge_all("/web", True)
    old = {i.task_id for i in world.running("/web")}
    broken = world.accepted(world.put("/web", cmd="v2"))

    answer = world.ask(lambda i: events.DeploymentCancelRequested(i, broken))

    world.accepted(answer)
    assert {i.task_id for i in world.running("/web")} == old
    assert world.deployments == []
    assert world.machine.root.apps["/web"].app.cmd == "v1"
    assert world.published("deployment_failed", "deployment_success")[-2:] == [
        "deployment_failed",
        "deployment_success",
    ]


def test_rolling_back_a_creation_removes_the_app() -> None:
    world = World("cpus:0.1;mem:1")
    created = world.accepted(world.put("/shop/web", cmd="sleep 1"))

    world.accepted(world.ask(lambda i: events.DeploymentCancelRequested(i, created)))

    assert views.app(world.machine, "/shop/web") is None
    assert views.group(world.machine, "/shop") is None
    assert world.deployments == []


def test_stopping_a_deployment_leaves_all_where_it_stands() -> None:
    """Source: Marathon, DELETE /v2/deployments/{id}?force=true."""
    world = World()
    world.put("/web", cmd="v1", instances=2, healthChecks=[HTTP])
    world.judge_all("/web", True)
    stuck = world.accepted(world.put("/web", cmd="v2"))

    answer = world.ask(lambda i: events.DeploymentCancelRequested(i, stuck, force=True))

    assert isinstance(answer, effects.DeploymentStopped)
    assert world.deployments == []
    assert world.machine.root.apps["/web"].app.cmd == "v2"
    assert [one.is_healthy for one in world.running("/web")] == [True, True]


def test_a_forced_scale_during_an_upgrade_goes_on_with_the_upgrade() -> None:
    """Not with the scaling of what is there, which would take those that serve first."""
    world = World()
    world.put("/web", cmd="v1", instances=4, healthChecks=[HTTP])
    world.judge_all("/web", True)
    world.put("/web", cmd="v2")

    world.put("/web", instances=2, force=True)
    assert sum(one.is_healthy for one in world.running("/web")) >= 2
    world.judge_all("/web", True)

    assert world.deployments == []
    config = world.machine.root.apps["/web"].config
    assert [one.config for one in world.running("/web")] == [config, config]


def test_a_locked_app_is_changed_by_force_only() -> None:
    world = World()
    world.auto_run = lambda task: False
    first = world.accepted(world.put("/web", cmd="v1"))

    refused = world.put("/web", cmd="v2")
    assert isinstance(refused, effects.ChangeRefused)
    assert refused.kind is effects.RefusedKind.LOCKED
    assert refused.deployments == (first,)
    forced = world.accepted(world.put("/web", cmd="v2", force=True))

    assert world.deployments == [forced]
    assert "deployment_failed" in world.published("deployment_failed")


def test_a_deleted_app_is_gone_when_its_instances_are() -> None:
    world = World()
    world.put("/web", cmd="sleep 100", instances=2)
    world.auto_die = False

    world.change(events.DeleteApps(("/web",)))
    assert len(world.deployments) == 1
    for task_id in list(world.states):
        world.becomes(task_id, TaskState.KILLED)

    assert world.deployments == []
    assert world.store["instances"] == {}
    assert world.store["app_versions"] == {}


def test_dependants_wait_for_what_they_depend_on() -> None:
    world = World()
    updates: list[tuple[str, dict[str, object]]] = [
        ("/shop/db", {"healthChecks": [HTTP]}),
        ("/shop/api", {"dependencies": ["db"]}),
        ("/shop/web", {"dependencies": ["/shop/api"]}),
    ]
    world.change(
        events.PutApps(tuple(update(app_id, cmd="sleep 1", **fields) for app_id, fields in updates))
    )
    assert [len(world.running(a)) for a, _ in updates] == [1, 0, 0]
    said = views.why(world.machine, "/shop/web", world.now)
    assert "/shop/web waits for step 2 of 4" in said[0]

    world.judge_all("/shop/db", True)

    assert [len(world.running(a)) for a, _ in updates] == [1, 1, 1]
    assert world.deployments == []


def test_a_failed_instance_is_replaced_after_its_backoff() -> None:
    world = World()
    world.put("/web", cmd="false", backoffSeconds=2, backoffFactor=3)
    [first] = world.running("/web")

    world.becomes(first.task_id, TaskState.FAILED, message="exit status 1")
    assert world.running("/web") == []
    assert "exit status 1" in views.why(world.machine, "/web", world.now)[0]
    world.after(1_900)
    assert world.running("/web") == []
    world.after(200)
    [second] = world.running("/web")

    world.becomes(second.task_id, TaskState.FAILED)
    world.after(5_900)
    assert world.running("/web") == []
    world.after(200)
    assert len(world.running("/web")) == 1


def test_a_restarted_supervisor_starts_nothing_twice() -> None:
    world = World()
    world.put("/web", cmd="sleep 100", instances=5)
    before = list(world.launched)

    world.restart()
    world.after(60_000)

    assert world.launched == before
    assert len(world.running("/web")) == 5


def test_an_intent_whose_launch_never_left_is_launched_anew() -> None:
    world = World()
    world.put("/web", cmd="sleep 100")
    [lost] = world.launched
    world.states.clear()
    world.agents["a0"].tasks.clear()

    world.restart()

    [found] = world.running("/web")
    assert found.task_id != lost


def test_a_half_done_upgrade_goes_on_after_a_restart() -> None:
    world = World()
    world.put(
        "/web",
        cmd="v1",
        instances=4,
        healthChecks=[HTTP],
        upgradeStrategy={"maximumOverCapacity": 0.25},
    )
    world.judge_all("/web", True)
    world.put("/web", cmd="v2")
    world.judge_all("/web", True)  # one is replaced, the next has started

    world.restart()
    for _ in range(10):
        world.judge_all("/web", True)

    assert world.deployments == []
    assert len(world.running("/web")) == 4
    assert len(world.launched) == 8


def test_health_outlives_a_restart() -> None:
    """A load balancer that reads the API right then must keep routing."""
    world = World()
    world.put("/web", cmd="sleep 100", healthChecks=[HTTP])
    world.judge_all("/web", True)

    world.restart()

    [found] = views.tasks(world.machine, "/web")
    assert [result.alive for result in found.health_results] == [True]
    assert list(world.probing) == [found.id]


def test_a_task_that_nobody_knows_is_killed() -> None:
    world = World()
    world.states["web.instance-x._app.1"] = TaskState.RUNNING

    world.disconnect()
    world.connect()

    assert world.killed == ["web.instance-x._app.1"]


def test_an_unreachable_instance_is_replaced_and_killed_when_it_returns() -> None:
    """Source: Marathon, unreachableStrategy 0/0."""
    world = World()
    world.put("/web", cmd="sleep 100")
    [away] = world.launched

    world.becomes(away, TaskState.UNREACHABLE)
    assert len(world.running("/web")) == 1
    world.becomes(away, TaskState.RUNNING)

    assert world.killed == [away]


def test_an_unreachable_instance_is_waited_for_as_long_as_the_app_says() -> None:
    world = World()
    strategy = {"inactiveAfterSeconds": 60, "expungeAfterSeconds": 120}
    world.put("/web", cmd="sleep 100", unreachableStrategy=strategy)
    [away] = world.launched

    world.becomes(away, TaskState.UNREACHABLE)
    world.after(59_000)
    assert world.launched == [away]
    world.after(2_000)
    assert len(world.launched) == 2
    world.becomes(away, TaskState.RUNNING)

    assert len(world.running("/web")) == 1


def test_a_reset_delay_launches_at_once() -> None:
    world = World()
    world.put("/web", cmd="false", backoffSeconds=100)
    world.becomes(world.launched[0], TaskState.FAILED)
    assert views.queue(world.machine, world.now)[0].time_left_seconds == 100

    world.ask(lambda i: events.QueueDelayReset(i, "/web"))
    world.after(1_000)

    assert len(world.running("/web")) == 1
    refused = world.ask(lambda i: events.QueueDelayReset(i, "/web"))
    assert isinstance(refused, effects.ChangeRefused)


def test_an_app_that_fits_nowhere_says_what_is_short_and_by_how_much() -> None:
    world = World("cpus:2.5;mem:1000", "cpus:1;mem:1000")

    world.put("/big", cmd="sleep 1", cpus=4, portDefinitions=[])

    said = views.why(world.machine, "/big", world.now)
    assert said == [
        "1 instance of /big not started: needs 4 cpus, best agent has 2.5: short of 1.5"
    ]
    [item] = views.queue(world.machine, world.now)
    cpus = next(r for r in item.reject_summary_last_offers if r.reason == "InsufficientCpus")
    assert (cpus.declined, cpus.processed) == (2, 2)
    assert item.overdue


def test_killing_with_scale_shrinks_the_app() -> None:
    world = World()
    world.put("/web", cmd="sleep 100", instances=3)
    victim = world.launched[0]

    world.accepted(world.ask(lambda i: events.TasksKillRequested(i, (victim,), scale=True)))

    assert victim not in world.states
    assert len(world.running("/web")) == 2
    assert world.machine.root.apps["/web"].app.instances == 2
    assert len(world.launched) == 3


def test_killing_without_scale_replaces() -> None:
    world = World()
    world.put("/web", cmd="sleep 100", instances=3)
    victim = world.launched[0]

    answer = world.ask(lambda i: events.TasksKillRequested(i, (victim, "unknown")))

    assert isinstance(answer, effects.TasksKilled)
    assert answer.task_ids == (victim,)
    assert len(world.running("/web")) == 3
    assert victim not in world.states


def test_a_restarted_app_has_all_new_instances_of_the_same_configuration() -> None:
    world = World()
    world.put("/web", cmd="sleep 100", instances=3)
    old = set(world.launched)

    world.accepted(world.change(events.RestartApps(("/web",))))

    assert not old & {i.task_id for i in world.running("/web")}
    assert len(world.running("/web")) == 3


def test_an_equal_definition_changes_nothing() -> None:
    """Source: Marathon: a deployment with no steps, no new version, no restart."""
    world = World()
    world.put("/web", cmd="sleep 100")
    version = world.machine.root.apps["/web"].app.version

    world.accepted(world.put("/web", cmd="sleep 100"))

    assert world.machine.root.apps["/web"].app.version == version
    assert len(world.launched) == 1
    assert world.published("deployment_success") == ["deployment_success"] * 2


def test_the_end_of_a_framework_starts_a_new_one() -> None:
    world = World()
    world.put("/web", cmd="sleep 100")
    gone = scheduler.Error(message="Framework has been removed")

    world.tell(scheduler.Event(scheduler.EventType.ERROR, error=gone))
    world.disconnect()

    assert world.machine.subscribe_call().framework_id is None
