"""What each operator's call, and each operation and task of a framework, asks permission for: an
action and the objects it is done to.

Source: Mesos, src/master/http.cpp (authorize…), docs/authorization.md.
"""

from collections.abc import Sequence

from kernel.master.acls import Acls
from kernel.master.cluster import Cluster, Settings
from kernel.messages.operator import Call, CallType
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import FrameworkInfo, Resource, TaskInfo
from kernel.model.ids import FrameworkId

Asked = list[tuple[str, Sequence[str] | None]]

_OF_AGENT = {
    CallType.MARK_AGENT_GONE: "mark_agents_gone",
    CallType.DEACTIVATE_AGENT: "deactivate_agents",
    CallType.REACTIVATE_AGENT: "reactivate_agents",
}
_OF_ANYTHING = {
    CallType.GET_FLAGS: "view_flags",
    CallType.SET_LOGGING_LEVEL: "set_log_level",
    CallType.UPDATE_MAINTENANCE_SCHEDULE: "update_maintenance_schedules",
    CallType.GET_MAINTENANCE_SCHEDULE: "get_maintenance_schedules",
    CallType.GET_MAINTENANCE_STATUS: "get_maintenance_statuses",
    CallType.START_MAINTENANCE: "start_maintenances",
    CallType.STOP_MAINTENANCE: "stop_maintenances",
}


def is_permitted(acls: Acls, cluster: Cluster, call: Call, principal: str | None) -> bool:
    """A call that asks for nothing in the table is open to all who may call at all."""
    return all(acls.allows(action, principal, objects) for action, objects in _asked(cluster, call))


def operation_refusal(acls: Acls, framework: FrameworkInfo, operation: Operation) -> str | None:
    """Why a framework may not do it, or None. Source: Mesos, Master::_accept."""
    action, objects, words = _of_operation(operation)
    if not action or acls.allows(action, framework.principal, objects):
        return None
    who = f" as '{framework.principal}'" if framework.principal is not None else ""
    return f"Not authorized to {words}{who}"


def _of_operation(operation: Operation) -> tuple[str, Sequence[str] | None, str]:
    match operation:
        case Operation(type="RESERVE", reserve=reserve) if reserve:
            return "reserve_resources", _roles_of(reserve.resources), "reserve resources"
        case Operation(type="UNRESERVE", unreserve=unreserve) if unreserve:
            whose = _reservers_of(unreserve.resources)
            return "unreserve_resources", whose, "unreserve resources"
        case Operation(type="CREATE", create=create) if create:
            return "create_volumes", _roles_of(create.volumes), "create persistent volumes"
        case Operation(type="DESTROY", destroy=destroy) if destroy:
            return "destroy_volumes", _creators_of(destroy.volumes), "destroy persistent volumes"
        case Operation(type="GROW_VOLUME", grow_volume=grow) if grow:
            return "resize_volumes", _roles_of([grow.volume]), "grow a volume"
        case Operation(type="SHRINK_VOLUME", shrink_volume=shrink) if shrink:
            return "resize_volumes", _roles_of([shrink.volume]), "shrink a volume"
        case _:
            return "", None, ""


def task_refusal(settings: Settings, framework: FrameworkInfo, task: TaskInfo) -> str | None:
    """Why a framework may not run it as the user it names, or None.

    DIFFERS: Mesos's --no-root_submissions looks at the framework's user only, so that a task may
    still name root as its own.
    """
    executor = task.executor.command if task.executor is not None else None
    named = [command.user for command in (task.command, executor) if command and command.user]
    user = named[0] if named else framework.user
    if user == "root" and not settings.takes_root:
        return "User 'root' is not allowed to run tasks without --root_submissions set"
    if settings.acls.allows("run_tasks", framework.principal, [user]):
        return None
    return f"Not authorized to launch as user '{user}'"


def _asked(cluster: Cluster, call: Call) -> Asked:
    assert call.type is not None
    if (action := _OF_ANYTHING.get(call.type)) is not None:
        return [(action, None)]
    if (action := _OF_AGENT.get(call.type)) is not None:
        named = call.mark_agent_gone or call.deactivate_agent or call.reactivate_agent
        return [(action, [named.agent_id.value] if named is not None else None)]
    return [*_of_frameworks(cluster, call), *_of_roles(call), *_of_resources(call)]


def _of_frameworks(cluster: Cluster, call: Call) -> Asked:
    if call.type is CallType.DRAIN_AGENT and call.drain_agent is not None:
        return [("drain_agents", [call.drain_agent.agent_id.value])]
    if call.type is not CallType.TEARDOWN or call.teardown is None:
        return []
    framework = cluster.frameworks.get(FrameworkId(call.teardown.framework_id.value))
    principal = framework.info.principal if framework is not None else None
    return [("teardown_frameworks", [principal] if principal is not None else None)]


def _of_roles(call: Call) -> Asked:
    match call:
        case Call(type=CallType.UPDATE_WEIGHTS, update_weights=weights) if weights is not None:
            return [("update_weights", [info.role or "*" for info in weights.weight_infos])]
        case Call(type=CallType.UPDATE_QUOTA, update_quota=quota) if quota is not None:
            return [("update_quotas", [config.role for config in quota.quota_configs])]
        case Call(type=CallType.SET_QUOTA, set_quota=quota) if quota is not None:
            return [("update_quotas", [quota.quota_request.role or "*"])]
        case Call(type=CallType.REMOVE_QUOTA, remove_quota=quota) if quota is not None:
            return [("update_quotas", [quota.role])]
        case _:
            return []


def _of_resources(call: Call) -> Asked:
    match call:
        case Call(type=CallType.RESERVE_RESOURCES, reserve_resources=reserve) if reserve:
            return [("reserve_resources", _roles_of(reserve.resources))]
        case Call(type=CallType.UNRESERVE_RESOURCES, unreserve_resources=unreserve) if unreserve:
            return [("unreserve_resources", _reservers_of(unreserve.resources))]
        case Call(type=CallType.CREATE_VOLUMES, create_volumes=create) if create:
            return [("create_volumes", _roles_of(create.volumes))]
        case Call(type=CallType.DESTROY_VOLUMES, destroy_volumes=destroy) if destroy:
            return [("destroy_volumes", _creators_of(destroy.volumes))]
        case Call(type=CallType.GROW_VOLUME, grow_volume=grow) if grow:
            return [("resize_volumes", _roles_of([grow.volume]))]
        case Call(type=CallType.SHRINK_VOLUME, shrink_volume=shrink) if shrink:
            return [("resize_volumes", _roles_of([shrink.volume]))]
        case _:
            return []


def _roles_of(resources: Sequence[Resource]) -> list[str]:
    found = [r.reservations[-1].role if r.reservations else r.role for r in resources]
    return list(dict.fromkeys(role or "*" for role in found))


def _reservers_of(resources: Sequence[Resource]) -> list[str] | None:
    """All there are, when a reservation does not say whose it is."""
    infos = [r.reservations[-1] if r.reservations else r.reservation for r in resources]
    found = [info.principal for info in infos if info is not None and info.principal is not None]
    return found if len(found) == len(infos) else None


def _creators_of(volumes: Sequence[Resource]) -> list[str] | None:
    found: list[str] = []
    for volume in volumes:
        persistence = volume.disk.persistence if volume.disk is not None else None
        if persistence is None or persistence.principal is None:
            return None
        found.append(persistence.principal)
    return found
