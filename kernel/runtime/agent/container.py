"""What the shell knows of one container: its task, its places, and how its process is started.

Composes argv, environment, user and limits; what the runner makes of them is `runner`'s.
Source: Mesos, docs/executor-http-api.md; src/slave/slave.cpp (executorEnvironment); recordings.
"""

import os
import pwd
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from kernel.agent.custom_executors import duration
from kernel.agent.oversubscription import is_revocable
from kernel.agent.sandbox import Place
from kernel.messages.quantities import from_wire
from kernel.messages.v1 import (
    CommandInfo,
    ExecutorInfo,
    FrameworkInfo,
    Resource,
    ScalarValue,
    TaskInfo,
)
from kernel.model.resources import VALUE_MAX
from kernel.runtime.agent.config import AgentConfig

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SHELL = "/bin/sh"
REVOCABLE_WEIGHT = 100  # cpus that were lent weigh so much less; Mesos: 1024 to 10
_MIB = 1024 * 1024
_CFS_PERIOD_US = 100_000
_CPU_QUOTA_MILLI_MAX = 10_000_000


class ByOperator(Struct):
    """What an operator asked for. `inside` is the parent, None for a standalone container;
    `directory` is where it starts, if not in its sandbox; `streams` are named pipes, by descriptor,
    that take the place of the outputs' files."""

    command: CommandInfo
    sandbox: str
    record: str
    inside: "Container | None" = None
    directory: str = ""
    streams: dict[str, str] = {}
    limits: dict[str, ScalarValue] | None = None


class Container(Struct):
    """Of one task, of a custom `executor`, or launched `by_operator`; `held` is what the latter two
    may use. `pid` is of its process, once started."""

    container_id: str
    framework: FrameworkInfo
    task: TaskInfo | None
    place: Place
    work_dir: str
    pid: int = 0
    executor: ExecutorInfo | None = None
    held: list[Resource] = []
    by_operator: ByOperator | None = None

    @property
    def command(self) -> CommandInfo | None:
        if self.by_operator is not None:
            return self.by_operator.command
        if self.executor is not None:
            return self.executor.command
        return self.task.command if self.task is not None else None

    @property
    def resources(self) -> list[Resource]:
        return self.task.resources if self.task is not None else self.held

    @property
    def sandbox(self) -> str:
        if self.by_operator is not None:
            return self.by_operator.sandbox
        return self.place.sandbox(self.work_dir)

    @property
    def record(self) -> str:
        if self.by_operator is not None:
            return self.by_operator.record
        return self.place.record(self.work_dir)


class NoSuchUser(Exception):
    """The text names the user. DIFFERS: the task is FAILED with it; in Mesos it is DROPPED."""


def user_of(container: Container, config: AgentConfig) -> pwd.struct_passwd | None:
    """Whom to switch to, None for nobody. Raises `NoSuchUser`."""
    if container.by_operator is not None and container.by_operator.inside is not None:
        return user_of(container.by_operator.inside, config)
    command = container.command
    name = (command.user if command is not None else None) or container.framework.user
    if not name or not config.switch_user or os.geteuid() != 0:
        return None
    try:
        user = pwd.getpwnam(name)
    except (KeyError, ValueError):
        raise NoSuchUser(f"No such user '{name}'") from None
    return user if user.pw_uid != 0 else None


def argv_of(container: Container) -> list[str]:
    command = container.command
    assert command is not None, "a task without a command was refused"
    if command.shell:
        return [SHELL, "-c", command.value or ""]
    if command.value is None:
        return list(command.arguments)
    return [command.value, *command.arguments[1:]]  # the first argument is argv[0], as in Mesos


def environment_of(
    container: Container, config: AgentConfig, agent_endpoint: str
) -> dict[str, str]:
    """What the task asks for over what Mesos gives; the sandbox is always ours to name."""
    command = container.command
    asked = command.environment if command is not None else None
    wanted = {each.name: each.value or "" for each in (asked.variables if asked else [])}
    if container.by_operator is not None:
        return _for_operators(container.by_operator, wanted, config, agent_endpoint)
    framework = container.framework
    roles = framework.roles or ([framework.role] if framework.role else ["*"])
    sandbox = container.sandbox
    shown = {
        "PATH": DEFAULT_PATH,
        "MESOS_FRAMEWORK_ID": container.place.framework_id,
        "MESOS_EXECUTOR_ID": container.place.executor_id,
        "MESOS_SLAVE_ID": container.place.agent_id,
        "MESOS_SLAVE_PID": f"slave(1)@{agent_endpoint}",
        "MESOS_AGENT_ENDPOINT": agent_endpoint,
        "MESOS_CHECKPOINT": "1" if framework.checkpoint else "0",
        "LIBPROCESS_IP": config.ip,
        **_for_executors(container, config),
    }
    if container.executor is None:  # an executor learns of roles from its tasks
        shown["MESOS_ALLOCATION_ROLE"] = role_of(container.resources) or roles[0]
    if container.place.nested:
        shown["MESOS_CONTAINER_IP"] = config.ip
    return {**shown, **wanted, "MESOS_SANDBOX": sandbox, "MESOS_DIRECTORY": sandbox}


def _for_operators(
    asked: ByOperator, wanted: dict[str, str], config: AgentConfig, agent_endpoint: str
) -> dict[str, str]:
    """The parent's, if there is one. What starts in another's directory has that one's sandbox."""
    shown = {"PATH": DEFAULT_PATH, "LIBPROCESS_IP": config.ip}
    if asked.inside is not None:
        shown = environment_of(asked.inside, config, agent_endpoint)
    sandbox = asked.directory or asked.sandbox
    return {**shown, **wanted, "MESOS_SANDBOX": sandbox, "MESOS_DIRECTORY": sandbox}


def _for_executors(container: Container, config: AgentConfig) -> dict[str, str]:
    """What Mesos tells every executor. Source: mesos.md §2.8; recordings, executor-custom,
    scheduler-uris-environment."""
    own = container.executor.shutdown_grace_period if container.executor is not None else None
    grace_ms = round(config.executor_shutdown_grace_period * 1000)
    shown = {
        "LIBPROCESS_PORT": "0",
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": duration(
            grace_ms if own is None else max(0, own.nanoseconds // 1_000_000)
        ),
    }
    if container.framework.checkpoint:
        shown["MESOS_RECOVERY_TIMEOUT"] = duration(round(config.recovery_timeout * 1000))
        shown["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = duration(
            round(config.executor_reregistration_timeout * 1000)
        )
    return shown


def role_of(resources: Sequence[Resource]) -> str:
    """The role that resources were allocated to, "" if not said."""
    for resource in resources:
        if resource.allocation_info is not None and resource.allocation_info.role:
            return resource.allocation_info.role
    return ""


def limits_of(container: Container, config: AgentConfig) -> dict[str, int]:
    """For `cgroups.create`: cpu in thousandths, memory in bytes, pids; absent means none."""
    amounts = from_wire(container.resources).quantities()
    asked = container.task if container.task is not None else container.by_operator
    own = (asked.limits if asked is not None else None) or {}
    limits = {"pids": config.task_pids_max}
    cpus_milli = amounts.get("cpus", 0)
    if cpus_milli:
        is_lent = is_revocable(container.resources)
        limits["cpu"] = max(1, cpus_milli // REVOCABLE_WEIGHT) if is_lent else cpus_milli
    cap = own["cpus"].value if "cpus" in own else None
    if cap is not None and cap <= VALUE_MAX:
        limits["cpu_quota_us"] = _quota_us(round(cap * 1000))
    elif cap is None and config.cgroups_enable_cfs and cpus_milli:
        limits["cpu_quota_us"] = _quota_us(cpus_milli)
    mem_mib = own["mem"].value if "mem" in own else amounts.get("mem", 0) / 1000
    if mem_mib and mem_mib <= VALUE_MAX:  # more is no limit
        limits["memory"] = round(mem_mib * _MIB)
    return limits


def start_order(container: Container, config: AgentConfig, agent_endpoint: str) -> dict[str, Any]:
    """The runner's order. Raises `NoSuchUser`."""
    user = user_of(container, config)
    asked = container.by_operator
    return {
        "do": "start",
        "run": container.container_id,
        "record": container.record,
        "sandbox": container.sandbox,
        "argv": argv_of(container),
        "environment": environment_of(container, config, agent_endpoint),
        "limits": limits_of(container, config),
        "owner": f"{user.pw_uid}:{user.pw_gid}" if user is not None else "",
        "directory": (asked.directory if asked is not None else "") or container.sandbox,
        "streams": asked.streams if asked is not None else {},
    }


def _quota_us(cpus_milli: int) -> int:
    return min(cpus_milli, _CPU_QUOTA_MILLI_MAX) * _CFS_PERIOD_US // 1000
