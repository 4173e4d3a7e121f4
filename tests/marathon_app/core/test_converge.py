"""Bounds that hold in every deployment, whatever fails and whenever it is restarted."""

from fractions import Fraction
from math import ceil, floor

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kernel.messages import v1
from kernel.model.task import TaskState
from marathon_app.core import events
from tests.marathon_app.core.world import World

APP = "/web"
CHECK = {"protocol": "HTTP", "gracePeriodSeconds": 0, "maxConsecutiveFailures": 2}


class Deploying(RuleBasedStateMachine):
    """One app, upgraded and scaled again and again while everything else goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.step = self.world.machine.step
        self.versions = 0

    @initialize(
        instances=st.integers(0, 6),
        low=st.sampled_from([0, 0.25, 0.5, 0.8, 1]),
        over=st.sampled_from([0, 0.25, 0.5, 1]),
        is_checked=st.booleans(),
    )
    def create(self, instances: int, low: float, over: float, is_checked: bool) -> None:
        self.low, self.over = Fraction(str(low)), Fraction(str(over))
        self.world.auto_run = self.does_run
        self.world.auto_die = False
        self.world.put(
            APP,
            force=True,
            cmd="v0",
            instances=instances,
            backoffSeconds=1,
            healthChecks=[CHECK] if is_checked else [],
            upgradeStrategy={"minimumHealthCapacity": low, "maximumOverCapacity": over},
        )

    def does_run(self, task: v1.TaskInfo) -> bool:
        return len(self.world.launched) % 3 != 0

    def watch(self, act: object) -> None:
        """Carry out `act` and see that the supervisor took no more healthy ones than it may."""
        assert callable(act)
        before = {i.task_id: i for i in self.world.instances(APP)}
        act()
        after = {i.task_id: i for i in self.world.instances(APP)}
        taken = [
            i
            for i in before.values()
            if i.is_healthy
            and i.task_id in after
            and after[i.task_id].is_doomed
            and after[i.task_id].doomed in ("replaced by a new version", "the app was scaled down")
        ]
        if not taken:
            return
        spec = self.world.machine.root.apps[APP]
        healthy = sum(i.is_healthy for i in after.values())
        assert healthy >= ceil(spec.app.instances * self.low)

    @rule(change=st.sampled_from(["config", "scale", "restart", "back"]), n=st.integers(0, 6))
    def deploy(self, change: str, n: int) -> None:
        self.versions += 1
        world = self.world
        if change == "config":
            self.watch(lambda: world.put(APP, cmd=f"v{self.versions}", force=True))
        elif change == "scale":
            self.watch(lambda: world.put(APP, instances=n, force=True))
        elif change == "restart":
            self.watch(lambda: world.change(events.RestartApps((APP,)), force=True))
        elif world.deployments:
            cancel = world.deployments[0]
            self.watch(lambda: world.ask(lambda i: events.DeploymentCancelRequested(i, cancel)))
            if not world.machine.root.apps:  # its creation was undone
                self.create(2, float(self.low), float(self.over), True)

    @precondition(lambda self: bool(self.world.states))
    @rule(pick=st.integers(0, 20), alive=st.booleans())
    def probe(self, pick: int, alive: bool) -> None:
        found = self.world.instances(APP)
        if found:
            task_id = found[pick % len(found)].task_id
            self.watch(lambda: self.world.probe(task_id, alive))

    @precondition(lambda self: bool(self.world.states))
    @rule(
        pick=st.integers(0, 20),
        state=st.sampled_from(
            [TaskState.RUNNING, TaskState.FAILED, TaskState.KILLED, TaskState.UNREACHABLE]
        ),
    )
    def news(self, pick: int, state: TaskState) -> None:
        tasks = list(self.world.states)
        self.watch(lambda: self.world.becomes(tasks[pick % len(tasks)], state))

    @rule()
    def kills_are_done(self) -> None:
        for task_id in [t for t in self.world.killed if t in self.world.states]:
            self.watch(lambda task_id=task_id: self.world.becomes(task_id, TaskState.KILLED))

    @rule(ms=st.sampled_from([0, 500, 5_000, 60_000]))
    def time_passes(self, ms: int) -> None:
        self.watch(lambda: self.world.after(ms))

    @rule()
    def restart(self) -> None:
        self.watch(self.world.restart)

    @invariant()
    def never_more_than_the_bounds_allow(self) -> None:
        if APP not in self.world.machine.root.apps:
            return
        target = self.world.machine.deployments.target(APP)
        queued = self.world.machine.queue.entries.get(APP)
        if queued is None or target.spec is None:
            return
        total = len(self.world.instances(APP)) + queued.count
        most = floor(target.count * (1 + self.over)) + 1  # one may be lent
        doomed = sum(i.is_doomed or i.is_inactive for i in self.world.instances(APP))
        assert total <= max(most, target.count + doomed)

    def teardown(self) -> None:
        """When all gets well, every deployment comes to its end with what was asked for."""
        world = self.world
        world.auto_run, world.auto_die = (lambda task: True), True
        for _ in range(60):
            world.after(30_000)
            for task_id in list(world.states):
                if task_id in world.killed:
                    world.becomes(task_id, TaskState.KILLED)
                elif world.states.get(task_id) in (TaskState.STAGING, TaskState.UNREACHABLE):
                    world.becomes(task_id, TaskState.RUNNING)
            world.judge_all(APP, True)
            if not world.deployments and not world.machine.queue.entries:
                break
        assert world.deployments == []
        if APP in world.machine.root.apps:
            spec = world.machine.root.apps[APP]
            assert len(world.running(APP)) == spec.app.instances


TestDeploying = Deploying.TestCase
TestDeploying.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
