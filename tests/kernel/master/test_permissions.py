"""What a framework may run, and do with what it is offered. Source: Mesos, Master::_accept."""

import json
from typing import Any

import pytest

from kernel.master.acls import Acls, read_acls
from kernel.master.permissions import operation_refusal
from kernel.messages.quantities import to_wire
from kernel.messages.scheduler import LaunchGroup, Operation, TaskGroupInfo
from kernel.messages.v1 import CommandInfo, ExecutorInfo, Id
from kernel.model.kinds import Reservation, kind
from kernel.model.operation import OperationState
from kernel.model.resources import parse
from kernel.model.task import TaskState
from tests.kernel.master.operating import (
    RESERVED,
    create,
    destroy,
    grow,
    heard,
    of,
    reserve,
    shrink,
    unreserve,
    volume,
)
from tests.kernel.master.stage import Stage, task


def acls(action: str, objects: str, **allowed: list[str]) -> Acls:
    """The principals named may do it to these; nobody else to any."""
    named = [
        {"principals": {"values": [who]}, objects: {"values": what}}
        for who, what in allowed.items()
    ]
    nobody: Any = {"principals": {"type": "ANY"}, objects: {"type": "NONE"}}
    return read_acls(json.dumps({action: [*named, nobody]}).encode())


USERS = acls("run_tasks", "users", p=["alice"])


def test_a_task_runs_as_a_user_that_its_framework_may_be() -> None:
    """Source: Mesos, docs/authorization.md (run_tasks); the user is the command's, else its
    executor's, else the framework's."""
    stage = Stage(acls=USERS)
    framework, agent = stage.framework(user="alice", principal="p"), stage.agent()
    [offer] = framework.offers()
    as_root = CommandInfo(value="x", user="root")
    executor = ExecutorInfo(
        executor_id=Id("e"),
        type="CUSTOM",
        framework_id=Id(framework.framework_id),
        command=as_root,
    )
    framework.launch(
        offer,
        task("fine", agent),
        task("forbidden", agent, command=as_root),
        task("forbidden-too", agent, command=None, executor=executor),
    )

    first, second = framework.statuses()
    assert [s.task_id.value for s in (first, second)] == ["forbidden", "forbidden-too"]
    for status in (first, second):
        assert status.state is TaskState.ERROR and status.reason == "REASON_TASK_UNAUTHORIZED"
        assert status.message == "Not authorized to launch as user 'root'"
    assert list(stage.master.cluster.frameworks[framework.framework_id].tasks) == ["fine"]  # type: ignore[index]


def test_one_forbidden_task_makes_a_group_forbidden() -> None:
    stage = Stage(acls=USERS)
    framework, agent = stage.framework(user="alice", principal="p"), stage.agent()
    [offer] = framework.offers()
    executor = ExecutorInfo(
        executor_id=Id("d"),
        type="DEFAULT",
        framework_id=Id(framework.framework_id),
        resources=to_wire(parse("cpus:0.1;mem:32;disk:32")),
    )
    tasks = [task("a", agent), task("b", agent, command=CommandInfo(value="x", user="root"))]
    launch = LaunchGroup(executor=executor, task_group=TaskGroupInfo(tasks=tasks))
    framework.accept([offer], Operation(type="LAUNCH_GROUP", launch_group=launch))

    statuses = framework.statuses()
    assert [status.task_id.value for status in statuses] == ["a", "b"]
    assert {status.reason for status in statuses} == {"REASON_TASK_GROUP_UNAUTHORIZED"}
    assert "Task 'b' is not authorized" in (statuses[0].message or "")


def test_without_root_submissions_no_task_is_roots() -> None:
    stage = Stage(takes_root=False)
    framework, agent = stage.framework(user="alice"), stage.agent()
    [offer] = framework.offers()
    framework.launch(offer, task("t", agent, command=CommandInfo(value="x", user="root")))

    [status] = framework.statuses()
    assert status.reason == "REASON_TASK_UNAUTHORIZED"


@pytest.mark.parametrize(("principal", "is_allowed"), [("p", True), ("q", False)])
def test_a_framework_reserves_for_roles_it_may_reserve_for(
    principal: str, is_allowed: bool
) -> None:
    stage = Stage(acls=acls("reserve_resources", "roles", p=["test"]))
    framework, agent = stage.framework(principal=principal), stage.agent()
    [offer] = framework.offers()
    its = kind((Reservation("test", is_dynamic=True, principal=principal),))
    framework.accept([offer], reserve(of(its, cpus=1_000), id=Id("op")))

    total = stage.master.cluster.allocator.books[agent.agent_id].total  # type: ignore[index]
    assert (its in total.kinds()) is is_allowed
    if not is_allowed:
        [status] = heard(framework)
        assert status.state is OperationState.ERROR
        assert status.message == "Not authorized to reserve resources as 'q'"


@pytest.mark.parametrize(
    ("action", "objects", "type_", "payload"),
    [
        ("unreserve_resources", "reserver_principals", "UNRESERVE", "unreserve"),
        ("create_volumes", "roles", "CREATE", "create"),
        ("destroy_volumes", "creator_principals", "DESTROY", "destroy"),
        ("resize_volumes", "roles", "GROW_VOLUME", "grow_volume"),
        ("resize_volumes", "roles", "SHRINK_VOLUME", "shrink_volume"),
    ],
)
def test_each_operation_asks_for_its_own_permission(
    action: str, objects: str, type_: str, payload: str
) -> None:
    disk = of(RESERVED, disk=1_000)
    made = {
        "unreserve": lambda: unreserve(of(RESERVED, cpus=1_000)),
        "create": lambda: create(of(volume(), disk=1_000)),
        "destroy": lambda: destroy(of(volume(), disk=1_000)),
        "grow_volume": lambda: grow(of(volume(), disk=1_000), disk),
        "shrink_volume": lambda: shrink(of(volume(), disk=1_000), 0.5),
    }[payload]()
    info = Stage().framework(principal="q").info

    assert made.type == type_
    refusal = operation_refusal(acls(action, objects), info, made)
    assert refusal is not None and refusal.startswith("Not authorized to ")
    assert operation_refusal(acls("run_tasks", "users"), info, made) is None
