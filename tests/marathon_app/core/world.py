"""A small true Mesos around a supervisor: agents with resources, offers, tasks, time and a store.

Everything goes through the scheduler's calls and events, as with a real master; the store keeps
what was persisted, so `restart` is a crash at the end of any step.
"""

from collections.abc import Callable
from typing import Any

from kernel.machine import Answer, DeadlineReached, Delete, Now, Persist, Put
from kernel.messages import quantities, scheduler, v1
from kernel.model.resources import Resources, parse
from kernel.model.task import TaskState
from marathon_app.core import effects, events
from marathon_app.core.effects import Effect
from marathon_app.core.instance import Instance
from marathon_app.core.settings import Settings
from marathon_app.core.supervisor import Supervisor
from marathon_app.schema.app import App
from marathon_app.schema.request import read_app, read_update

EPOCH_MS = 1_700_000_000_000
RICH = "cpus:100;mem:100000;disk:100000;ports:[31000-31999]"


class Agent:
    def __init__(self, agent_id: str, resources: str, attributes: str) -> None:
        self.id, self.host = agent_id, f"host-{agent_id}"
        self.free: Resources = parse(resources)
        self.attributes = quantities.parse_attributes(attributes)
        self.tasks: dict[str, v1.TaskInfo] = {}
        self.is_offered = False

    def start(self, task: v1.TaskInfo) -> None:
        self.tasks[task.task_id.value] = task
        self.free = self.free - quantities.from_wire(task.resources)  # asserts that it is there

    def end(self, task_id: str) -> None:
        self.free = self.free + quantities.from_wire(self.tasks.pop(task_id).resources)


class World:
    """`dies` decides whether a launched task fails at once; `runs` whether it starts at all."""

    def __init__(self, *agents: str, settings: Settings | None = None) -> None:
        self.settings = settings or Settings(revive_interval_ms=0)
        self.store: dict[str, dict[str, bytes]] = {}
        self.agents = {
            f"a{index}": Agent(f"a{index}", *(text.split("|") + [""])[:2])
            for index, text in enumerate(agents or (RICH,))
        }
        self.now_ms = 0
        self.machine = Supervisor.restore({}, self.settings)
        self.effects: list[Effect] = []
        self.launched: list[str] = []
        self.killed: list[str] = []
        self.acknowledged: list[bytes] = []
        self.states: dict[str, TaskState] = {}
        self.probing: dict[str, effects.StartProbing] = {}
        self.asking: dict[str, effects.StartReadiness] = {}
        self.auto_run: Callable[[v1.TaskInfo], bool] = lambda task: True
        self.auto_die = True  # a killed task ends at once
        self.is_suppressed = False
        self.is_connected = False
        self._inbox: list[scheduler.Event] = []
        self._requests = 0
        self._offers = 0
        self._offered: dict[str, str] = {}
        self.post(events.Started())
        self.connect()

    # --- time and steps --------------------------------------------------------------------------
    @property
    def now(self) -> Now:
        return Now(self.now_ms, EPOCH_MS + self.now_ms)

    def post(self, event: events.Event) -> list[Effect]:
        found = list(self.machine.step(event, self.now))
        self.machine.check_invariants()
        for index, effect in enumerate(found):
            assert not isinstance(effect, Persist) or index == 0
            self._perform(effect)
        self.effects += found
        return found

    def pump(self) -> None:
        """Let Mesos answer until all is quiet."""
        for _ in range(1_000_000):
            if self._inbox:
                self.post(events.SchedulerEventReceived(self._inbox.pop(0)))
            elif not self._offer():
                return
        raise AssertionError("it never gets quiet")

    def after(self, ms: int) -> None:
        """Let time pass; deadlines are met on the way."""
        end_ms = self.now_ms + ms
        while True:
            self.pump()
            due_ms = self.machine.next_deadline_ms()
            if due_ms is None or due_ms > end_ms:
                break
            self.now_ms = max(self.now_ms, due_ms)
            self.post(DeadlineReached())
        self.now_ms = end_ms

    def restart(self) -> None:
        """kill -9 and start anew from what was durable; Mesos and its tasks live on."""
        self.machine = Supervisor.restore(self.store, self.settings)
        self.probing, self.asking, self._inbox = {}, {}, []
        self._take_back_offers()
        self.post(events.Started())
        self.connect()

    # --- effects ---------------------------------------------------------------------------------
    def _perform(self, effect: Effect) -> None:
        match effect:
            case Persist(operations):
                for operation in operations:
                    kept = self.store.setdefault(operation.collection, {})
                    if isinstance(operation, Put):
                        kept[operation.key] = operation.value
                    else:
                        assert isinstance(operation, Delete)
                        kept.pop(operation.key, None)
            case effects.SendCall(call):
                if self.is_connected:
                    self._called(call)
            case effects.StartProbing():
                self.probing[effect.task_id] = effect
            case effects.StopProbing():
                self.probing.pop(effect.task_id, None)
            case effects.StartReadiness():
                self.asking[effect.task_id] = effect
            case effects.StopReadiness():
                self.asking.pop(effect.task_id, None)
            case _:
                pass

    def _called(self, call: scheduler.Call) -> None:
        assert call.framework_id is not None
        if call.accept is not None:
            self._accepted(call.accept)
        elif call.decline is not None:
            for offer_id in call.decline.offer_ids:
                self._offered.pop(offer_id.value)  # filtered: offered again after a revive only
        elif call.kill is not None:
            self._kill(call.kill.task_id.value)
        elif call.acknowledge is not None:
            self.acknowledged.append(call.acknowledge.uuid)
        elif call.reconcile is not None:
            self._reconcile(call.reconcile)
        elif call.type is scheduler.CallType.SUPPRESS:
            self.is_suppressed = True
        elif call.type is scheduler.CallType.REVIVE:
            self.is_suppressed = False
            for agent in self.agents.values():
                agent.is_offered = False

    def _accepted(self, accept: scheduler.Accept) -> None:
        agent = self.agents[self._offered.pop(accept.offer_ids[0].value)]
        for operation in accept.operations:
            for task in operation.launch.task_infos if operation.launch else []:
                task_id = task.task_id.value
                assert task_id not in self.launched, "started twice"
                assert task_id in self.store["instances"], "launched before it was durable"
                assert task.agent_id.value == agent.id
                self.launched.append(task_id)
                agent.start(task)
                self.states[task_id] = TaskState.STAGING
                if self.auto_run(task):
                    self._become(task_id, TaskState.RUNNING)
        agent.is_offered = False

    def _kill(self, task_id: str) -> None:
        if task_id not in self.killed:
            self.killed.append(task_id)
        if self.auto_die and task_id in self.states:
            self._become(task_id, TaskState.KILLED)

    def _reconcile(self, asked: scheduler.Reconcile) -> None:
        wanted = [task.task_id.value for task in asked.tasks] or list(self.states)
        for task_id in wanted:
            state = self.states.get(task_id, TaskState.GONE)
            self._tell(task_id, state, reason="REASON_RECONCILIATION", is_acked=False)

    # --- Mesos's side ----------------------------------------------------------------------------
    def connect(self) -> None:
        call = self.machine.subscribe_call()
        assert call.subscribe is not None
        self.is_suppressed = bool(call.subscribe.suppressed_roles)
        self.is_connected = True
        for agent in self.agents.values():
            agent.is_offered = False
        self.post(events.SchedulerConnected())
        subscribed = scheduler.Subscribed(framework_id=v1.Id("fw-0001"))
        self.tell(scheduler.Event(scheduler.EventType.SUBSCRIBED, subscribed=subscribed))
        self.pump()

    def disconnect(self) -> None:
        self.is_connected = False
        self._inbox = []
        self._take_back_offers()
        self.post(events.SchedulerDisconnected("test"))

    def _take_back_offers(self) -> None:
        self._offered = {}
        for agent in self.agents.values():
            agent.is_offered = False

    def tell(self, event: scheduler.Event) -> None:
        self.post(events.SchedulerEventReceived(event))

    def _offer(self) -> bool:
        if self.is_suppressed or not self.is_connected:
            return False
        offers: list[v1.Offer] = []
        for agent in self.agents.values():
            if not agent.is_offered and agent.free.scalar("cpus") > 0:
                agent.is_offered = True
                self._offers += 1
                offer_id = f"O{self._offers}"
                self._offered[offer_id] = agent.id
                offers.append(
                    v1.Offer(
                        id=v1.Id(offer_id),
                        framework_id=v1.Id("fw-0001"),
                        agent_id=v1.Id(agent.id),
                        hostname=agent.host,
                        resources=quantities.to_wire(agent.free, allocated_to="marathon"),
                        attributes=agent.attributes,
                    )
                )
        if offers:
            offered = scheduler.Offers(offers=offers)
            self.tell(scheduler.Event(scheduler.EventType.OFFERS, offers=offered))
        return bool(offers)

    def _become(self, task_id: str, state: TaskState, **more: Any) -> None:
        self.states[task_id] = state
        agent = self._agent_of(task_id)
        self._tell(task_id, state, agent_id=agent.id if agent else "a0", **more)
        if state.is_terminal:
            del self.states[task_id]
            if agent:
                agent.end(task_id)
                agent.is_offered = False

    def _agent_of(self, task_id: str) -> Agent | None:
        return next((a for a in self.agents.values() if task_id in a.tasks), None)

    def _tell(
        self,
        task_id: str,
        state: TaskState,
        *,
        reason: str | None = None,
        is_acked: bool = True,
        agent_id: str = "a0",
        **more: Any,
    ) -> None:
        status = v1.TaskStatus(
            task_id=v1.Id(task_id),
            state=state,
            agent_id=v1.Id(agent_id),
            reason=reason,
            uuid=f"{len(self.effects):016d}".encode() if is_acked else None,
            **more,
        )
        update = scheduler.Update(status=status)
        self._inbox.append(scheduler.Event(scheduler.EventType.UPDATE, update=update))

    def becomes(self, task_id: str, state: TaskState, **more: Any) -> None:
        self._become(task_id, state, **more)
        self.pump()

    # --- requests --------------------------------------------------------------------------------
    def ask(self, make: Callable[[int], events.Event]) -> Answer:
        self._requests += 1
        found = self.post(make(self._requests))
        answers = [effect for effect in found if isinstance(effect, Answer)]
        assert [answer.request_id for answer in answers] == [self._requests]
        self.pump()
        return answers[0]

    def change(
        self, change: events.Change, *, force: bool = False, dry_run: bool = False
    ) -> Answer:
        return self.ask(lambda i: events.RootUpdateRequested(i, change, force, dry_run))

    def put(self, app_id: str, *, force: bool = False, **fields: object) -> Answer:
        """As PUT /v2/apps/{id}: `fields` by their JSON names."""
        return self.change(events.PutApps((update(app_id, **fields),)), force=force)

    def accepted(self, answer: Answer) -> str:
        assert isinstance(answer, effects.ChangeAccepted), answer
        return answer.deployment_id

    # --- looking ---------------------------------------------------------------------------------
    def instances(self, app_id: str) -> list[Instance]:
        return self.machine.instances.of_app(app_id)

    def running(self, app_id: str) -> list[Instance]:
        return [i for i in self.instances(app_id) if i.is_active and i.state is TaskState.RUNNING]

    def task(self, task_id: str) -> v1.TaskInfo:
        agent = self._agent_of(task_id)
        assert agent is not None
        return agent.tasks[task_id]

    def probe(self, task_id: str, alive: bool, cause: str = "") -> None:
        self.post(events.HealthProbed(task_id, 0, alive, cause))
        self.pump()

    def judge_all(self, app_id: str, alive: bool, cause: str = "refused") -> None:
        for instance in self.instances(app_id):
            if instance.state is TaskState.RUNNING and not instance.is_doomed:
                self.probe(instance.task_id, alive, cause)

    def published(self, *types: str) -> list[str]:
        """The types of the events so far; only those asked for."""
        return [
            effect.event_type
            for effect in self.effects
            if isinstance(effect, effects.PublishEvent) and effect.event_type in types
        ]

    @property
    def deployments(self) -> list[str]:
        return list(self.machine.deployments.running)


def update(app_id: str, **fields: object) -> events.AppUpdate:
    """A partial update, as the API would read it."""
    reading = read_update({"id": app_id, **fields})
    assert reading.app is not None, reading.invalid_types
    return events.AppUpdate(reading.app, reading.given)


def make_app(app_id: str, **fields: object) -> App:
    """A whole definition, as the API would read it."""
    given = {"cmd": "sleep 1"} | fields
    reading = read_app({"id": app_id} | {k: v for k, v in given.items() if v is not None})
    assert reading.app is not None, reading.invalid_types
    assert not reading.problems, reading.problems
    return reading.app
