"""How a task becomes argv, environment and limits. Source: Mesos, docs; recordings."""

import os
from sys import float_info

import pytest

from kernel.agent.sandbox import Place
from kernel.messages.v1 import (
    AllocationInfo,
    CommandInfo,
    Environment,
    FrameworkInfo,
    Id,
    Resource,
    ScalarValue,
    TaskInfo,
    Variable,
)
from kernel.runtime.agent.config import AgentConfig
from kernel.runtime.agent.container import (
    Container,
    NoSuchUser,
    argv_of,
    environment_of,
    limits_of,
    user_of,
)

CONFIG = AgentConfig()


def container(command: CommandInfo, *, user: str = "", **more: object) -> Container:
    def scalar(name: str, value: float) -> Resource:
        role = AllocationInfo(role="web")
        return Resource(name=name, type="SCALAR", scalar=ScalarValue(value), allocation_info=role)

    task = TaskInfo(
        name="t",
        task_id=Id("t"),
        agent_id=Id("S0"),
        resources=[scalar("cpus", 0.5), scalar("mem", 128)],
        command=command,
        **more,  # type: ignore[arg-type]
    )
    framework = FrameworkInfo(user=user, name="f", id=Id("F"))
    return Container("c-1", framework, task, Place("S0", "F", "t", "c-1"), "/work")


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (CommandInfo(value="a b"), ["/bin/sh", "-c", "a b"]),
        (CommandInfo(shell=False, value="/bin/x", arguments=["x", "-v"]), ["/bin/x", "-v"]),
        (CommandInfo(shell=False, value="/bin/x"), ["/bin/x"]),
        (CommandInfo(shell=False, arguments=["ls", "-l"]), ["ls", "-l"]),
    ],
)
def test_a_command_becomes_argv(command: CommandInfo, argv: list[str]) -> None:
    assert argv_of(container(command)) == argv


def test_the_environment_is_mesoss_with_the_tasks_own_over_it() -> None:
    own = [Variable(name="PATH", value="/x"), Variable(name="MESOS_SANDBOX", value="/etc")]
    command = CommandInfo(value="x", environment=Environment(variables=own))

    environment = environment_of(container(command), CONFIG, "127.0.0.1:5051")

    sandbox = "/work/slaves/S0/frameworks/F/executors/t/runs/c-1"
    assert environment["MESOS_SANDBOX"] == environment["MESOS_DIRECTORY"] == sandbox
    assert environment["PATH"] == "/x"
    assert environment["MESOS_ALLOCATION_ROLE"] == "web"
    assert environment["MESOS_EXECUTOR_ID"] == "t"
    assert "MESOS_TASK_ID" not in environment


def test_limits_come_from_resources_unless_the_task_has_its_own() -> None:
    plain = limits_of(container(CommandInfo(value="x")), CONFIG)
    assert plain == {"pids": 4096, "cpu": 500, "memory": 128 << 20}

    own = {"cpus": ScalarValue(2.0), "mem": ScalarValue(float("inf"))}
    limits = limits_of(container(CommandInfo(value="x"), limits=own), CONFIG)
    assert limits == {"pids": 4096, "cpu": 500, "cpu_quota_us": 200_000}
    own = {"cpus": ScalarValue(float_info.max), "mem": ScalarValue(float_info.max)}  # by the wire
    unlimited = limits_of(container(CommandInfo(value="x"), limits=own), CONFIG)
    assert unlimited == {"pids": 4096, "cpu": 500}

    capped = limits_of(container(CommandInfo(value="x")), AgentConfig(cgroups_enable_cfs=True))
    assert capped["cpu_quota_us"] == 50_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can switch")
def test_the_tasks_user_wins_over_the_frameworks() -> None:
    nobody = user_of(container(CommandInfo(value="x", user="nobody"), user="root"), CONFIG)
    assert nobody is not None and nobody.pw_name == "nobody"
    assert user_of(container(CommandInfo(value="x"), user="root"), CONFIG) is None
    with pytest.raises(NoSuchUser, match="No such user 'ghost'"):
        user_of(container(CommandInfo(value="x"), user="ghost"), CONFIG)
    stay = AgentConfig(switch_user=False)
    assert user_of(container(CommandInfo(value="x"), user="ghost"), stay) is None
