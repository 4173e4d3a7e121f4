"""Says what is wrong with what a scheduler sent, in Mesos's words.

`call_problem` is about the form of a call (400), `framework_problem` about a FrameworkInfo (ERROR),
`task_problem` about one task of a LAUNCH (TASK_ERROR). What then happens is the callers' business.
Source: Mesos, src/master/validation.cpp, src/common/roles.cpp and recordings of a real master.
"""

import re
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from kernel.messages.quantities import from_wire
from kernel.messages.scheduler import AcknowledgeOperationStatus, Call, CallType, Subscribe
from kernel.messages.v1 import (
    CheckInfo,
    ExecutorInfo,
    FrameworkInfo,
    HealthCheck,
    Resource,
    TaskInfo,
)
from kernel.model.ids import id_problem
from kernel.model.resources import Resources, ResourcesMalformed

UUID_BYTES = 16
FAILOVER_TIMEOUT_MAX_S = 2**63 / 1e9  # Mesos keeps it as 64 bits of nanoseconds
#: REVIVE, SUPPRESS and TEARDOWN may come without a sub-message.
_BARE_CALLS = (CallType.REVIVE, CallType.SUPPRESS, CallType.TEARDOWN, CallType.UNKNOWN)


ROLE_DEPTH_MAX = 100  # each level costs at every grant


def call_problem(call: Call) -> str | None:
    """Why the call is no call at all (400), or None."""
    if call.type is None:
        return "Expecting 'type' to be present"
    if call.type is CallType.SUBSCRIBE:
        return _subscribe_problem(call)
    if call.framework_id is None:
        return "Expecting 'framework_id' to be present"
    name = call.type.lower()
    if call.type not in _BARE_CALLS and getattr(call, name) is None:
        return f"Expecting '{name}' to be present"
    if call.acknowledge is not None and len(call.acknowledge.uuid) != UUID_BYTES:
        return "Not a valid UUID"
    if call.acknowledge_operation_status is not None:
        return _operation_ack_problem(call.acknowledge_operation_status)
    if call.type is CallType.UPDATE_FRAMEWORK:
        return _ids_problem(call, "update_framework", call.update_framework)
    return None


def _operation_ack_problem(acknowledge: AcknowledgeOperationStatus) -> str | None:
    if len(acknowledge.uuid_bytes) != UUID_BYTES:
        return "Not a valid UUID"
    return "Expecting 'agent_id' to be present" if acknowledge.agent_id is None else None


def _subscribe_problem(call: Call) -> str | None:
    if call.subscribe is None:
        return "Expecting 'subscribe' to be present"
    return _ids_problem(call, "subscribe", call.subscribe)


def _ids_problem(call: Call, name: str, subscribe: Subscribe | None) -> str | None:
    if subscribe is not None and subscribe.framework_info.id != call.framework_id:
        return f"'framework_id' differs from '{name}.framework_info.id'"
    return None


# --- frameworks ----------------------------------------------------------------------------


def capabilities_of(info: FrameworkInfo) -> tuple[str, ...]:
    """Those it names; unknown ones are kept and mean nothing."""
    return tuple(capability.type for capability in info.capabilities if capability.type)


def roles_of(info: FrameworkInfo) -> tuple[str, ...]:
    """The roles it subscribes to: `roles` with MULTI_ROLE, else `role` or `*`."""
    if "MULTI_ROLE" in capabilities_of(info):
        return tuple(info.roles)
    return (info.role or "*",)


def framework_problem(info: FrameworkInfo) -> str | None:
    """Why this FrameworkInfo can't be accepted, or None."""
    return _roles_problem(info) or _framework_id_problem(info) or _timeout_problem(info)


def _roles_problem(info: FrameworkInfo) -> str | None:
    if "MULTI_ROLE" not in capabilities_of(info):
        if info.roles:
            return (
                "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
            )
        problem = role_problem(info.role) if info.role is not None else None
        return f"'FrameworkInfo.role' is not a valid role: {problem}" if problem else None
    if info.role is not None:
        return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
    doubles = [role for at, role in enumerate(info.roles) if role in info.roles[:at]]
    if doubles:
        shown = ", ".join(dict.fromkeys(doubles))
        return f"'FrameworkInfo.roles' contains duplicate items: {{ {shown} }}"
    problems = [problem for role in info.roles if (problem := role_problem(role))]
    return f"'FrameworkInfo.roles' contains invalid role: {problems[0]}" if problems else None


def _framework_id_problem(info: FrameworkInfo) -> str | None:
    if info.id is None or info.id.value == "":
        return None
    return id_problem(info.id.value)


def _timeout_problem(info: FrameworkInfo) -> str | None:
    timeout_s = info.failover_timeout
    if not -FAILOVER_TIMEOUT_MAX_S < timeout_s < FAILOVER_TIMEOUT_MAX_S:
        return f"The framework failover_timeout ({timeout_s:g}) is invalid"
    return None


def suppressed_problem(roles: Sequence[str], suppressed: Sequence[str]) -> str | None:
    """Only a subscribed role can be suppressed."""
    foreign = [role for role in suppressed if role not in roles]
    if not foreign:
        return None
    return f"Suppressed roles {{ {', '.join(foreign)} }} are not contained in the set of roles"


def role_problem(role: str) -> str | None:
    """Why this is no role name, or None."""
    if role == "*":
        return None
    if not role:
        return "Empty role name is invalid"
    if role.startswith("/"):
        return f"Role '{role}' cannot start with a slash"
    if role.endswith("/"):
        return f"Role '{role}' cannot end with a slash"
    if "//" in role:
        return f"Role '{role}' cannot contain two adjacent slashes"
    components = role.split("/")
    # DIFFERS: Mesos takes roles of any depth.
    if len(components) > ROLE_DEPTH_MAX:
        return f"Role '{role[:100]}…' is more than {ROLE_DEPTH_MAX} levels deep"
    for component in components:
        if component in (".", "..", "*"):
            return f"Role '{role}' cannot include '{component}' as a component"
        if component.startswith("-"):
            return f"Role component '{component}' is invalid because it begins with a dash"
    if re.search(r"[\s\b\x00-\x1f\x7f]", role):
        return f"Role '{role}' contains invalid characters"
    return None


def update_problem(old: FrameworkInfo, new: FrameworkInfo) -> str | None:
    """What UPDATE_FRAMEWORK may not change."""
    if old.user != new.user:
        return (
            "Updating 'FrameworkInfo.user' is unsupported; attempted to update from"
            f" '{old.user}' to '{new.user}'"
        )
    if old.checkpoint != new.checkpoint:
        words = {True: "true", False: "false"}
        return (
            "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from"
            f" '{words[old.checkpoint]}' to '{words[new.checkpoint]}'"
        )
    return principal_problem(old, new)


def principal_problem(old: FrameworkInfo, new: FrameworkInfo) -> str | None:
    if old.principal != new.principal:
        return "Changing framework's principal is not allowed."
    return None


# --- tasks ---------------------------------------------------------------------------------


def task_problem(task: TaskInfo, *, agent_id: str, framework_id: str) -> str | None:
    """What is wrong with a task by itself; ids in use and amounts are `accept`'s to check."""
    if problem := id_problem(task.task_id.value):
        return problem
    if task.agent_id.value != agent_id:
        return f"Task uses invalid agent {task.agent_id.value} while agent {agent_id} is expected"
    if (task.command is None) == (task.executor is None):
        return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    return (
        _duration_problem(task)
        or _command_problem(task)
        or health_check_problem(task.health_check)
        or check_problem(task.check)
        or _mixed_problem(task.resources)
        or _limits_problem(task)
        or (executor_problem(task.executor, framework_id) if task.executor else None)
    )


def _duration_problem(task: TaskInfo) -> str | None:
    policy = task.kill_policy
    if policy is not None and policy.grace_period and policy.grace_period.nanoseconds < 0:
        return "Task's 'kill_policy.grace_period' must be non-negative"
    if task.max_completion_time is not None and task.max_completion_time.nanoseconds < 0:
        return "Task's `max_completion_time` must be non-negative"
    return None


def _command_problem(task: TaskInfo) -> str | None:
    environment = task.command.environment if task.command is not None else None
    for variable in environment.variables if environment is not None else ():
        if variable.type == "VALUE" and variable.value is None:
            return (
                f"Task's `CommandInfo` is invalid: Environment variable '{variable.name}' of type"
                " 'VALUE' must have a value set"
            )
    return None


def health_check_problem(check: HealthCheck | None) -> str | None:
    if check is None:
        return None
    problem = None
    if check.type is None and check.command is None:
        problem = "HealthCheck must specify 'type'"
    elif check.type in ("HTTP", "TCP", "COMMAND") and getattr(check, check.type.lower()) is None:
        problem = f"Expecting '{check.type.lower()}' to be set for {check.type} health check"
    else:
        for name in ("delay_seconds", "grace_period_seconds", "interval_seconds"):
            if not 0 <= getattr(check, name) < inf:
                problem = f"Expecting '{name}' to be non-negative"
        if not 0 <= check.timeout_seconds < inf:
            problem = "Expecting 'timeout_seconds' to be non-negative"
    return f"Task uses invalid health check: {problem}" if problem else None


def check_problem(check: CheckInfo | None) -> str | None:
    """Source: Mesos, src/checks/checker.cpp (validation)."""
    if check is None:
        return None
    problem = None
    if check.type is None:
        problem = "CheckInfo must specify 'type'"
    elif check.type not in ("HTTP", "TCP", "COMMAND"):
        problem = f"'{check.type}' is not a valid check type"
    elif getattr(check, check.type.lower()) is None:
        problem = f"Expecting '{check.type.lower()}' to be set for {check.type} check"
    else:
        for name in ("delay_seconds", "interval_seconds", "timeout_seconds"):
            if not 0 <= getattr(check, name) < inf:  # nor a number that is none
                problem = f"Expecting '{name}' to be non-negative"
    return f"Task uses invalid check: {problem}" if problem else None


def _mixed_problem(resources: Sequence[Resource]) -> str | None:
    revocable = [r.name for r in resources if r.revocable is not None]
    for resource in resources:
        if resource.revocable is None and resource.name in revocable:
            return (
                "Task mixes revocable and non-revocable resources: Cannot use both revocable and"
                f" non-revocable '{resource.name}' at the same time"
            )
    return None


def _limits_problem(task: TaskInfo) -> str | None:
    limits: Mapping[str, Any] = task.limits or {}
    for name in limits:
        if name not in ("cpus", "mem"):
            return "Only cpus and mem may be included in a task's resource limits"
    for name, word in (("cpus", "cpu"), ("mem", "memory")):
        asked = sum(r.scalar.value for r in task.resources if r.name == name and r.scalar)
        if name in limits and not limits[name].value >= asked:  # nor no number
            return f"The {word} limit must be greater than or equal to the {word} request"
    return None


def executor_problem(executor: ExecutorInfo, framework_id: str) -> str | None:
    if problem := id_problem(executor.executor_id.value):
        return problem
    if executor.framework_id is not None and executor.framework_id.value != framework_id:
        return (
            f"ExecutorInfo has an invalid FrameworkID (Actual: {executor.framework_id.value} vs"
            f" Expected: {framework_id})"
        )
    if executor.type != "DEFAULT" and executor.command is None:
        return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
    return None


def resources_of(wire: Sequence[Resource]) -> tuple[Resources, str | None]:
    """The exact form, and what is wrong with it."""
    try:
        return from_wire(wire), None
    except ResourcesMalformed as error:
        return Resources(), str(error)


def mismatch(principal: str | None, info: FrameworkInfo) -> str | None:
    """Who speaks must be whom the framework names, if it names one."""
    if principal is None or info.principal is None or principal == info.principal:
        return None
    return (
        f"Authenticated principal '{principal}' does not match principal '{info.principal}' set in"
        " `FrameworkInfo`"
    )
