"""ACCEPT: bad offers, bad tasks, what is launched and what goes back."""

from math import inf
from typing import Any

import pytest

from kernel.messages import agent as agent_messages
from kernel.messages import scheduler
from kernel.messages.codec import encode
from kernel.messages.operations import OperationStatus, Reserve
from kernel.messages.quantities import from_wire, to_wire
from kernel.messages.v1 import (
    CommandInfo,
    DurationInfo,
    Environment,
    ExecutorInfo,
    HealthCheck,
    Id,
    KillPolicy,
    ScalarValue,
    TaskInfo,
    Variable,
)
from kernel.model.operation import OperationState
from kernel.model.resources import parse
from kernel.model.task import TaskState
from tests.kernel.master.stage import AgentActor, SchedulerActor, Stage, launch_of, running, task


def scene(**more: Any) -> tuple[Stage, SchedulerActor, AgentActor]:
    stage = Stage()
    return stage, stage.framework(**more), stage.agent()


def test_a_launch_reaches_the_agent_and_the_rest_comes_back_at_once() -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()
    agent.hear()

    assert framework.launch(offer, task("t1", agent), refuse_s=0).status == 202

    [run] = agent.hear()
    assert isinstance(run, agent_messages.RunTask)
    assert run.framework.id == Id(framework.framework_id)
    assert run.task.task_id.value == "t1"
    assert {r.allocation_info.role for r in run.task.resources if r.allocation_info} == {"test"}
    [rest] = framework.offers()
    assert from_wire(rest.resources) == parse("cpus:3;mem:3968;disk:10000;ports:[31000-32000]")


def test_an_unlimited_task_reaches_its_agent() -> None:
    """JSON knows no infinite number: what can't be written, the agent can't read."""
    _, framework, agent = scene()
    limits = {"cpus": ScalarValue(inf), "mem": ScalarValue(256)}
    framework.launch(framework.offers()[0], task("t1", agent, limits=limits))

    [order] = [said for said in agent.hear() if isinstance(said, agent_messages.RunTask)]

    read = agent_messages.read_event(encode(order))
    assert isinstance(read, agent_messages.RunTask) and read == order
    assert read.task.limits is not None and read.task.limits["mem"] == ScalarValue(256)


def test_the_rest_of_an_accept_counts_as_declined() -> None:
    """Source: mesos.md §2.7.12."""
    stage, framework, agent = scene()
    [offer] = framework.offers()

    framework.launch(offer, task("t1", agent), refuse_s=5)

    assert framework.offers() == []
    stage.pass_time(6_000)
    assert len(framework.offers()) == 1


def test_two_offers_of_one_agent_are_combined() -> None:
    """Source: mesos.md §6, B7."""
    stage, framework, agent = scene()
    [whole] = framework.offers()
    framework.launch(whole, task("t1", agent, "cpus:2;mem:2048"), refuse_s=0)
    [half] = framework.offers()
    agent.say(agent.update(framework, "t1", TaskState.FAILED))
    [other_half] = framework.offers()

    framework.accept([half, other_half], launch_of(task("t2", agent, "cpus:4;mem:4096")))

    assert [s.task_id.value for s in framework.statuses()] == ["t1"]
    assert "t2" in stage.master.cluster.frameworks[framework.framework_id].tasks


@pytest.mark.parametrize("is_aware", [True, False])
def test_an_accept_with_a_bad_offer_launches_nothing(is_aware: bool) -> None:
    """Source: recordings scheduler-invalid-offers, scheduler-invalid-offers-legacy."""
    capabilities = ("PARTITION_AWARE", "MULTI_ROLE") if is_aware else ("MULTI_ROLE",)
    stage, framework, agent = scene(capabilities=capabilities)
    [offer] = framework.offers()
    unknown = offer.__class__(**{**_fields(offer), "id": Id("nope")})

    framework.accept([unknown], launch_of(task("t1", agent)))
    framework.accept([offer, offer], launch_of(task("t2", agent)))
    framework.accept([], launch_of(task("t3", agent)))

    messages = {s.task_id.value: s.message for s in framework.statuses()}
    head = "Task launched with invalid offers: "
    assert messages == {
        "t1": f"{head}Offer nope is no longer valid",
        "t2": f"{head}Duplicate offer {offer.id.value} in offer list",
        "t3": f"{head}No offers specified",
    }
    stage.pass_time(1_000)
    [again] = framework.offers()
    framework.accept([again, unknown], launch_of(task("t4", agent)))
    [status] = framework.statuses()
    assert status.state is (TaskState.DROPPED if is_aware else TaskState.LOST)
    assert (status.reason, status.uuid) == ("REASON_INVALID_OFFERS", None)
    assert again.id.value not in stage.master.cluster.offers


def _fields(struct: Any) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def test_naming_the_offer_of_another_does_not_hurt_its_owner() -> None:
    """DIFFERS: mesos-observed.md §1, row 5."""
    stage, framework, agent = scene()
    [offer] = framework.offers()
    thief = stage.framework("thief")

    thief.accept([offer], launch_of(task("t1", agent)))

    [status] = thief.statuses()
    assert status.state is TaskState.DROPPED
    framework.launch(offer, task("t2", agent))
    assert framework.statuses() == []


def test_offers_of_two_agents_do_not_go_together() -> None:
    stage, framework, agent = scene()
    stage.agent()
    one, other = framework.offers()

    framework.accept([one, other], launch_of(task("t1", agent)))

    [status] = framework.statuses()
    assert "Aggregated offers must belong to one single agent" in (status.message or "")


CHECK = HealthCheck(delay_seconds=0)
BAD_TASKS: list[tuple[dict[str, Any], str]] = [
    ({"resources": []}, "Task uses no resources"),
    (
        {"executor": ExecutorInfo(executor_id=Id("e"), command=CommandInfo(value="true"))},
        "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
    ),
    (
        {"command": None},
        "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
    ),
    (
        {"agent_id": Id("no-such-agent")},
        "Task uses invalid agent no-such-agent while agent M0-S0 is expected",
    ),
    ({"task_id": Id("a/b")}, "'a/b' contains invalid characters"),
    ({"task_id": Id("..")}, "'..' is disallowed"),
    ({"task_id": Id("x" * 256)}, "ID must not be greater than 255 characters"),
    ({"task_id": Id("")}, "ID must not be empty"),
    (
        {"limits": {"cpus": ScalarValue(0.01)}},
        "The cpu limit must be greater than or equal to the cpu request",
    ),
    (
        {"limits": {"mem": ScalarValue(float("nan"))}},
        "The memory limit must be greater than or equal to the memory request",
    ),
    (
        {"health_check": HealthCheck(type="COMMAND", command=CommandInfo(), delay_seconds=inf)},
        "Task uses invalid health check: Expecting 'delay_seconds' to be non-negative",
    ),
    (
        {"limits": {"disk": ScalarValue(10)}},
        "Only cpus and mem may be included in a task's resource limits",
    ),
    (
        {"max_completion_time": DurationInfo(-1)},
        "Task's `max_completion_time` must be non-negative",
    ),
    (
        {"kill_policy": KillPolicy(grace_period=DurationInfo(-1))},
        "Task's 'kill_policy.grace_period' must be non-negative",
    ),
    (
        {"health_check": HealthCheck(type="HTTP")},
        "Task uses invalid health check: Expecting 'http' to be set for HTTP health check",
    ),
    ({"health_check": CHECK}, "Task uses invalid health check: HealthCheck must specify 'type'"),
    (
        {
            "command": CommandInfo(
                value="true", environment=Environment(variables=[Variable(name="X")])
            )
        },
        "Task's `CommandInfo` is invalid: Environment variable 'X' of type 'VALUE' must have a"
        " value set",
    ),
    (
        {
            "command": None,
            "executor": ExecutorInfo(
                executor_id=Id("e"),
                command=CommandInfo(value="true"),
                framework_id=Id("other"),
            ),
        },
        "ExecutorInfo has an invalid FrameworkID (Actual: other vs Expected: M0-0000)",
    ),
    (
        {"resources": to_wire(parse("cpus:999"))},
        "Total resources cpus(allocated: test):999 required by task and its executor is more than"
        " available ports(allocated: test):[31000-32000]; cpus(allocated: test):4;"
        " mem(allocated: test):4096; disk(allocated: test):10000",
    ),
]


@pytest.mark.parametrize(("wrong", "text"), BAD_TASKS, ids=[text[:40] for _, text in BAD_TASKS])
def test_a_bad_task_is_an_error_and_its_sibling_runs(wrong: dict[str, Any], text: str) -> None:
    """Source: recording scheduler-task-error."""
    stage, framework, agent = scene()
    [offer] = framework.offers()
    agent.hear()

    bad = TaskInfo(**{**_fields(task("t1", agent)), **wrong})
    framework.launch(offer, bad, task("good", agent))

    [status] = framework.statuses()
    assert (status.state, status.reason) == (TaskState.ERROR, "REASON_TASK_INVALID")
    assert status.message == text
    assert status.uuid is None
    assert [run.task.task_id.value for run in agent.hear()] == ["good"]


def test_a_malformed_resource_fails_the_whole_launch() -> None:
    """Source: mesos-observed.md §1, row 6."""
    stage, framework, agent = scene()
    [offer] = framework.offers()
    [negative] = to_wire(parse("cpus:1"))
    negative = negative.__class__(**{**_fields(negative), "scalar": ScalarValue(-1)})
    agent.hear()

    framework.launch(offer, task("bad", agent, resources=[negative]), task("good", agent))

    text = "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"
    assert [(s.task_id.value, s.message) for s in framework.statuses()] == [
        ("bad", text),
        ("good", text),
    ]
    assert agent.hear() == []


def test_a_second_task_of_the_same_id_does_not_declare_the_first_dead() -> None:
    """DIFFERS: Mesos answers TASK_ERROR under the id of the task that runs."""
    stage, framework, agent = scene()
    running(stage, framework, agent)
    [offer] = framework.offers()

    framework.launch(offer, task("t1", agent))

    [status] = framework.statuses()
    assert status.state is TaskState.RUNNING
    assert "duplicate" in (status.message or "")
    assert agent.hear() == []


def test_an_id_may_be_used_again_after_its_end() -> None:
    """Source: mesos.md §2.7.10."""
    stage, framework, agent = scene()
    running(stage, framework, agent)
    agent.say(agent.update(framework, "t1", TaskState.FINISHED))
    [status] = framework.statuses()
    framework.acknowledge(status)
    agent.hear()
    offer = framework.offers()[-1]

    framework.launch(offer, task("t1", agent))

    assert [type(event) for event in agent.hear()] == [agent_messages.RunTask]


def custom(name: str, agent: AgentActor, executor: ExecutorInfo) -> TaskInfo:
    return task(name, agent, command=None, executor=executor)


def test_a_task_and_its_executor_have_no_port_in_common() -> None:
    """Else it were held twice and taken once, and free again while one of them still has it."""
    stage = Stage()
    framework, agent = stage.framework(), stage.agent("cpus:4;mem:1000;ports:[1-10]")
    [offer] = framework.offers()
    executor = ExecutorInfo(
        executor_id=Id("e"),
        type="CUSTOM",
        framework_id=Id(framework.framework_id),
        command=CommandInfo(value="x"),
        resources=to_wire(parse("cpus:0.1;mem:32;ports:[3-5]")),
    )
    clashing = task("t", agent, "cpus:1;ports:[1-3,5-6]", command=None, executor=executor)
    apart = task("u", agent, "cpus:1;ports:[1-2]", command=None, executor=executor)

    framework.launch(offer, clashing, apart, refuse_s=0)

    [status] = framework.statuses()
    assert (status.task_id, status.state) == (Id("t"), TaskState.ERROR)
    assert "names ports(allocated: test):[3-3, 5-5]: give it one" in (status.message or "")
    stage.pass_time(1_000)
    [rest] = framework.offers()
    assert from_wire(rest.resources).ports() == ((6, 10),)


def test_a_custom_executor_takes_resources_of_its_own_once() -> None:
    stage, framework, agent = scene()
    executor = ExecutorInfo(
        executor_id=Id("e"),
        command=CommandInfo(value="run"),
        resources=to_wire(parse("cpus:0.5;mem:64")),
    )
    [offer] = framework.offers()
    agent.hear()

    framework.launch(
        offer, custom("t1", agent, executor), custom("t2", agent, executor), refuse_s=0
    )

    runs = agent.hear()
    assert {run.task.executor.framework_id for run in runs} == {Id(framework.framework_id)}
    [rest] = framework.offers()
    assert from_wire(rest.resources).scalar("cpus") == 1_500
    assert rest.executor_ids == [Id("e")]
    ended = agent_messages.ExecutorEnded(
        framework_id=Id(framework.framework_id), executor_id=Id("e"), status=256
    )
    agent.say(ended)
    [failure] = [e.failure for e in framework.hear() if e.failure is not None]
    assert (failure.status, failure.executor_id) == (256, Id("e"))
    assert stage.master.cluster.agents[agent.agent_id].executors == {}


def test_an_executor_id_stands_for_one_executor_info() -> None:
    """Source: mesos.md §6, B11; recording executor-info-differs."""
    stage, framework, agent = scene()
    executor = ExecutorInfo(executor_id=Id("e"), command=CommandInfo(value="run"))
    differs = ExecutorInfo(executor_id=Id("e"), command=CommandInfo(value="walk"))
    [offer] = framework.offers()

    framework.launch(offer, custom("t1", agent, executor), custom("t2", agent, differs))

    [status] = framework.statuses()
    assert status.state is TaskState.ERROR
    assert (status.message or "").startswith(
        "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID."
    )


def test_what_is_not_carried_out_is_said() -> None:
    stage, framework, agent = scene()
    [offer] = framework.offers()
    unknown = scheduler.Operation(type="BREW", id=Id("op"), reserve=Reserve())
    group = scheduler.Operation(
        type="LAUNCH_GROUP",
        launch_group=scheduler.LaunchGroup(
            executor=ExecutorInfo(executor_id=Id("e")),
            task_group=scheduler.TaskGroupInfo(tasks=[task("t1", agent)]),
        ),
    )

    framework.accept([offer], unknown, group)

    [update] = [e for e in framework.said if e.update is not None]
    [operation] = [e for e in framework.hear() if e.update_operation_status is not None]
    assert operation.update_operation_status is not None
    assert operation.update_operation_status.status == OperationStatus(
        operation_id=Id("op"),
        state=OperationState.ERROR,
        message="Unknown operation type BREW; on agent M0-S0 at slave(1)@host:5051 (host)",
    )
    assert update.update is not None
    assert update.update.status.reason == "REASON_TASK_GROUP_INVALID"
    stage.pass_time(6_000)
    assert len(framework.offers()) == 1


def test_a_hundred_tasks_in_one_accept_are_launched_in_order() -> None:
    stage = Stage()
    framework = stage.framework()
    agent = stage.agent("cpus:100;mem:100000")
    [offer] = framework.offers()
    agent.hear()

    framework.launch(offer, *(task(f"t{n}", agent, "cpus:1;mem:1000") for n in range(100)))

    assert [run.task.task_id.value for run in agent.hear()] == [f"t{n}" for n in range(100)]
