"""Health and readiness. Source: Marathon, docs/health-checks.md, docs/readiness-checks.md."""

from kernel.messages import v1
from kernel.model.task import TaskState
from marathon_app.core import effects, events, views
from tests.marathon_app.core.world import World

CHECK = {
    "protocol": "HTTP",
    "path": "/health",
    "gracePeriodSeconds": 10,
    "intervalSeconds": 5,
    "timeoutSeconds": 2,
    "maxConsecutiveFailures": 3,
}


def checked(**more: object) -> tuple[World, str]:
    world = World()
    world.put("/web", cmd="sleep 1", healthChecks=[CHECK | more])
    [task_id] = world.launched
    return world, task_id


def test_a_running_task_is_probed_where_it_listens() -> None:
    world, task_id = checked()

    [probe] = world.probing[task_id].probes
    [instance] = world.running("/web")
    assert (probe.host, probe.port, probe.path) == ("host-a0", instance.ports[0], "/health")
    assert (probe.interval_ms, probe.timeout_ms) == (5_000, 2_000)


def test_it_is_killed_at_the_third_consecutive_failure() -> None:
    """DIFFERS: upstream kills at the fourth."""
    world, task_id = checked(gracePeriodSeconds=0)

    world.probe(task_id, False, "500")
    world.probe(task_id, False, "500")
    world.probe(task_id, True)
    world.probe(task_id, False, "500")
    world.probe(task_id, False, "500")
    assert world.killed == []
    world.probe(task_id, False, "500 Internal Server Error")

    assert world.killed == [task_id]
    assert len(world.running("/web")) == 1
    failure = views.last_failure(world.machine, "/web")
    assert failure is not None
    assert "500 Internal Server Error" in failure.message
    assert "unhealthy_instance_kill_event" in world.published("unhealthy_instance_kill_event")


def test_failures_in_the_grace_period_do_not_count() -> None:
    world, task_id = checked()

    for _ in range(9):
        world.after(1_000)
        world.probe(task_id, False, "refused")
    assert views.task(world.machine, task_id).health_results == ()  # type: ignore[union-attr]
    assert "refused" in " ".join(views.why(world.machine, "/web", world.now))
    for _ in range(4):
        world.after(1_000)
        world.probe(task_id, False, "refused")

    assert world.killed == [task_id]


def test_failures_after_the_first_success_count_within_the_grace_period() -> None:
    world, task_id = checked()
    world.probe(task_id, True)

    for _ in range(3):
        world.probe(task_id, False)

    assert world.killed == [task_id]


def test_zero_failures_allowed_means_never_killed() -> None:
    world, task_id = checked(gracePeriodSeconds=0, maxConsecutiveFailures=0)

    for _ in range(20):
        world.probe(task_id, False)

    assert world.killed == []
    assert views.counts(world.machine, "/web") == views.Counts(running=1, unhealthy=1)


def test_every_change_of_health_is_published_once() -> None:
    world, task_id = checked(gracePeriodSeconds=0)

    for alive in (True, True, False, False, True):
        world.probe(task_id, alive)

    said = [
        effect.data["alive"]
        for effect in world.effects
        if isinstance(effect, effects.PublishEvent)
        if effect.event_type == "health_status_changed_event"
    ]
    assert said == [True, False, True]


def test_a_task_without_checks_is_neither_healthy_nor_unhealthy_in_the_counts() -> None:
    """Source: Marathon: tasksHealthy 0 without checks."""
    world = World()

    world.put("/web", cmd="sleep 1")

    assert views.counts(world.machine, "/web") == views.Counts(running=1)


def test_an_agents_own_check_counts_as_health() -> None:
    world = World()
    world.put("/web", cmd="sleep 1", healthChecks=[CHECK | {"protocol": "MESOS_HTTP"}])
    [task_id] = world.launched
    assert world.probing == {}
    sent = world.task(task_id).health_check
    assert sent is not None
    assert sent.http == v1.HttpCheck(port=31001, scheme="http", path="/health")
    assert len(world.deployments) == 1

    world.becomes(task_id, TaskState.RUNNING, healthy=True)

    assert world.deployments == []
    assert views.counts(world.machine, "/web").healthy == 1


def test_an_unreachable_instance_is_not_judged() -> None:
    world, task_id = checked(gracePeriodSeconds=0)
    strategy = {"inactiveAfterSeconds": 100, "expungeAfterSeconds": 200}
    world.put("/web", unreachableStrategy=strategy, force=True)
    world.becomes(world.launched[-1], TaskState.UNREACHABLE)

    for _ in range(5):
        world.probe(world.launched[-1], False)

    assert world.launched[-1] not in world.killed


READY = {"name": "up", "path": "/ready", "portName": "http", "httpStatusCodesForReady": [200]}


def test_a_deployment_waits_until_the_new_ones_are_ready() -> None:
    world = World()
    world.put(
        "/web",
        cmd="sleep 1",
        portDefinitions=[{"port": 0, "name": "http"}],
        readinessChecks=[READY],
    )
    [task_id] = world.launched
    port = world.running("/web")[0].ports[0]
    assert world.asking[task_id].url == f"http://host-a0:{port}/ready"
    world.post(events.ReadinessProbed(task_id, "up", 503))
    assert len(world.deployments) == 1
    assert "not ready yet" in " ".join(views.why(world.machine, "/web", world.now))

    world.post(events.ReadinessProbed(task_id, "up", 200))

    assert world.deployments == []
    assert world.asking == {}


def test_outside_a_deployment_nobody_asks_for_readiness() -> None:
    world = World()
    world.put(
        "/web",
        cmd="sleep 1",
        portDefinitions=[{"port": 0, "name": "http"}],
        readinessChecks=[READY],
    )
    world.post(events.ReadinessProbed(world.launched[0], "up", 200))

    world.becomes(world.launched[0], TaskState.FAILED)
    world.after(2_000)

    assert len(world.running("/web")) == 1
    assert world.asking == {}
