"""Says what is wrong with an operation on resources, in Mesos's words.

About the operation by itself and who asks for it; whether the resources are there at all is
`conversions.apply`'s to find out. Source: Mesos, src/master/validation.cpp (namespace operation);
recordings of a real master.
"""

from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from kernel.master.validate import capabilities_of, resources_of, role_problem
from kernel.messages.operations import GrowVolume, Reserve, ShrinkVolume
from kernel.messages.scheduler import Operation
from kernel.messages.v1 import FrameworkInfo, Resource, TaskInfo
from kernel.model.ids import id_problem
from kernel.model.kinds import Kind
from kernel.model.resources import NOTHING, Resources, ResourcesMalformed, milli
from kernel.model.words import shown


class Asked(Struct, frozen=True):
    """Who asks, under which role (none: an operator), and what there is.

    `there` is all that the agent has, `in_use` what tasks and executors use of it.
    """

    framework: FrameworkInfo | None
    role: str
    there: Resources
    in_use: Resources = NOTHING
    principal: str | None = None

    def can(self, capability: str) -> bool:
        """Operators may all."""
        return self.framework is None or capability in capabilities_of(self.framework)


def operation_problem(operation: Operation, asked: Asked) -> str | None:
    """Why the operation may not be done, or None."""
    check = _CHECKS.get(operation.type or "")
    if operation.type in ("CREATE_DISK", "DESTROY_DISK"):
        return f"{operation.type} needs a disk of a storage provider (CSI); this agent has none"
    if check is None:
        return f"Unknown operation type {operation.type}"
    name = (operation.type or "").lower()
    if getattr(operation, name) is None:
        return f"Expecting '{name}' to be present"
    named = _named(operation)
    if not named:
        return f"Expecting '{name}' to name at least one resource"
    return check(operation, asked) or _nothing_problem(named)


def _named(operation: Operation) -> list[Resource]:
    """All resources that it names; the sub-messages of other types don't count."""
    match operation.type:
        case "RESERVE" if operation.reserve is not None:
            return operation.reserve.resources
        case "UNRESERVE" if operation.unreserve is not None:
            return operation.unreserve.resources
        case "CREATE" if operation.create is not None:
            return operation.create.volumes
        case "DESTROY" if operation.destroy is not None:
            return operation.destroy.volumes
        case "GROW_VOLUME" if operation.grow_volume is not None:
            return [operation.grow_volume.volume, operation.grow_volume.addition]
        case "SHRINK_VOLUME" if operation.shrink_volume is not None:
            return [operation.shrink_volume.volume]
    return []


def _nothing_problem(named: Sequence[Resource]) -> str | None:
    """An operation on nothing would do nothing, and say that it is done."""
    for resource in named:
        if resources_of([resource])[0].is_empty:
            return f"Invalid resources: there is nothing of '{resource.name}' to operate on"
    return None


# --- resources -----------------------------------------------------------------------------


def resources_problem(wire: Sequence[Resource], asked: Asked) -> str | None:
    """What is wrong with the resources that an operation or a task names."""
    for resource in wire:
        bundle, problem = resources_of([resource])
        if problem is None and resource.allocation_info is not None:
            problem = _allocation_problem(resource.allocation_info.role, asked)
        problem = problem or _kinds_problem(bundle)
        if problem is not None:
            return f"Invalid resources: {problem}"
    return None


def _allocation_problem(role: str | None, asked: Asked) -> str | None:
    if role in (None, asked.role):
        return None
    if not asked.role:
        return "the operator API changes unallocated resources only: leave out 'allocation_info'"
    return (
        f"The resources have multiple allocation roles ('{role}' and '{asked.role}') but only one"
        " allocation role is allowed"
    )


def _kinds_problem(bundle: Resources) -> str | None:
    for kind in bundle.kinds():
        for one in kind.reservations:
            if problem := role_problem(one.role):
                return f"Invalid reservation: {problem}"
        if kind.is_revocable and kind.is_dynamic:
            return (
                f"Invalid ReservationInfo: Dynamically reserved resource {shown(bundle)} cannot be"
                " created from revocable resources"
            )
        if problem := _disk_problem(kind):
            return f"Invalid DiskInfo: {problem}"
    return None


def _disk_problem(kind: Kind) -> str | None:
    disk = kind.disk
    if disk is None:
        return None
    if disk.volume_id is None:
        return "Non-persistent volume not supported" if disk.container_path is not None else None
    if kind.is_revocable:
        return "Persistent volumes cannot be created from revocable resources"
    if not kind.reservations:
        return "Persistent volumes cannot be created from unreserved resources"
    if disk.container_path is None:
        return "Expecting 'volume' to be set for persistent volume"
    if disk.host_path is not None:
        return "Expecting 'host_path' to be unset for persistent volume"
    if problem := id_problem(disk.volume_id):
        return f"Invalid persistence ID for persistent volume: {problem}"
    return None


def task_resources_problem(task: TaskInfo, role: str) -> str | None:
    """What is wrong with the resources of a task and its executor. Source: mesos.md §2.7.10."""
    asked = Asked(framework=None, role=role, there=NOTHING)
    executor = task.executor.resources if task.executor is not None else []
    for name, wire in (("Task", task.resources), ("Executor", executor)):
        if problem := resources_problem(wire, asked):
            return f"{name} uses invalid resources: {problem}"
    if problem := _repeated_volume_problem([*task.resources, *executor]):
        return f"Task uses duplicate persistence ID: {problem}"
    return None


def _repeated_volume_problem(wire: Sequence[Resource]) -> str | None:
    seen: dict[tuple[str, str], None] = {}
    for resource in wire:
        for kind in resources_of([resource])[0].kinds():
            if kind.volume_id is None or kind.is_shared:
                continue
            if (kind.role, kind.volume_id) in seen:
                return f"Persistence ID '{kind.volume_id}' is not unique"
            seen[kind.role, kind.volume_id] = None
    return None


def _volumes_problem(wire: Sequence[Resource], asked: Asked) -> str | None:
    if problem := resources_problem(wire, asked):
        return problem
    for resource in wire:
        disk = resource.disk
        if disk is None:
            text = shown(resources_of([resource])[0])
            return f"Not a persistent volume: Resource {text} does not have DiskInfo"
        if disk.persistence is None:
            return "Not a persistent volume: 'persistence' is not set in DiskInfo"
        if disk.volume is not None and disk.volume.mode == "RO":
            return "Not a persistent volume: Read-only persistent volume not supported"
    return None


# --- reservations --------------------------------------------------------------------------


def _reserve(operation: Operation, asked: Asked) -> str | None:
    assert operation.reserve is not None
    reserve = operation.reserve
    if problem := resources_problem([*reserve.resources, *reserve.source], asked):
        return problem
    if reserve.source and (problem := _source_problem(reserve)):
        return problem
    for resource in reserve.resources:
        bundle, _ = resources_of([resource])
        for kind in bundle.kinds():
            if problem := _reservation_problem(kind, bundle, asked):
                return problem
    return None


def _source_problem(reserve: Reserve) -> str | None:
    source, target = resources_of(reserve.source)[0], resources_of(reserve.resources)[0]
    if any(kind.reservations and not kind.is_dynamic for kind in source.kinds()):
        return f"Resource {shown(source)} is not dynamically reserved"
    plain = [one.changed(_unreserved) for one in (source, target)]
    if plain[0] == plain[1]:
        return None
    return (
        "Source and target resources should refer to identical resource quantities:"
        f" {shown(plain[0])} vs. {shown(plain[1])}"
    )


def _unreserved(kind: Kind) -> Kind:
    while kind.reservations:
        kind = kind.popped()
    return kind


def _reservation_problem(kind: Kind, bundle: Resources, asked: Asked) -> str | None:
    text = shown(bundle, asked.role)
    if not kind.is_dynamic:
        return f"Resource {text} is not dynamically reserved"
    if kind.volume_id is not None:
        return (
            f"A persistent volume {text} cannot be reserved: reserve the disk, then create the"
            " volume on it"
        )
    top = kind.reservations[-1]
    if asked.principal is not None and top.principal is None:
        return (
            f"A reserve operation was attempted by principal '{asked.principal}', but there is a"
            " reserved resource in the request with no principal set"
        )
    if asked.principal is not None and asked.principal != top.principal:
        return (
            "A reserve operation was attempted by authenticated principal"
            f" '{asked.principal}', which does not match a reserved resource in the request with"
            f" principal '{top.principal}'"
        )
    if asked.framework is not None and top.role != asked.role:
        return (
            f"A reserve operation was attempted for a resource with role '{top.role}', but the"
            f" resource was allocated to role '{asked.role}'"
        )
    if len(kind.reservations) > 1 and not asked.can("RESERVATION_REFINEMENT"):
        return (
            f"Resource {text} refines a reservation, which takes the framework capability"
            " RESERVATION_REFINEMENT"
        )
    return None


def _unreserve(operation: Operation, asked: Asked) -> str | None:
    assert operation.unreserve is not None
    wire = operation.unreserve.resources
    if problem := resources_problem(wire, asked):
        return problem
    for resource in wire:
        bundle, _ = resources_of([resource])
        text = shown(bundle, asked.role)
        for kind in bundle.kinds():
            if not kind.is_dynamic:
                return f"Resource {text} is not dynamically reserved"
            if kind.volume_id is not None:
                return (
                    f"A dynamically reserved persistent volume {text} cannot be unreserved"
                    " directly. Please destroy the persistent volume first then unreserve the"
                    " resource"
                )
    return None


# --- volumes -------------------------------------------------------------------------------


def _create(operation: Operation, asked: Asked) -> str | None:
    assert operation.create is not None
    wire = operation.create.volumes
    if problem := _volumes_problem(wire, asked):
        return problem
    taken: dict[tuple[str, str | None], None] = {
        (kind.role, kind.volume_id): None
        for kind in asked.there.kinds()
        if kind.volume_id is not None
    }
    for resource in wire:
        bundle, _ = resources_of([resource])
        for kind in bundle.kinds():
            if (kind.role, kind.volume_id) in taken:
                return f"Persistence ID '{kind.volume_id}' is not unique"
            taken[kind.role, kind.volume_id] = None
            if problem := _creation_problem(kind, bundle, asked):
                return problem
    return None


def _creation_problem(kind: Kind, bundle: Resources, asked: Asked) -> str | None:
    if kind.is_shared and not asked.can("SHARED_RESOURCES"):
        framework = asked.framework.id if asked.framework is not None else None
        return (
            f"Create volume operation for '{shown(bundle, asked.role)}' has been attempted by"
            f" framework '{framework.value if framework else ''}' with no SHARED_RESOURCES"
            " capability"
        )
    if asked.principal is None or kind.disk is None:
        return None
    if kind.disk.principal is None:
        return (
            f"Create volume operation attempted by principal '{asked.principal}', but there is a"
            " volume in the operation with no principal set in 'disk.persistence'"
        )
    if kind.disk.principal != asked.principal:
        return (
            f"Create volume operation attempted by authenticated principal '{asked.principal}',"
            " which does not match a volume in the operation with principal"
            f" '{kind.disk.principal}' set in 'disk.persistence'"
        )
    return None


def _destroy(operation: Operation, asked: Asked) -> str | None:
    assert operation.destroy is not None
    wire = operation.destroy.volumes
    if problem := _volumes_problem(wire, asked):
        return problem
    for resource in wire:
        volume = resources_of([resource])[0].named_as_in(asked.there)
        if not asked.there.contains(volume):
            return "Persistent volumes not found"
        if any(kind in volume.kinds() for kind in asked.in_use.kinds()):
            return "Persistent volumes in use"
    return None


def _grow(operation: Operation, asked: Asked) -> str | None:
    assert operation.grow_volume is not None
    grow: GrowVolume = operation.grow_volume
    if problem := _volumes_problem([grow.volume], asked):
        return f"Invalid persistent volume in the 'GrowVolume.volume' field: {problem}"
    if problem := resources_problem([grow.addition], asked):
        return f"Invalid resource in the 'GrowVolume.addition' field: {problem}"
    volume, addition = resources_of([grow.volume])[0], resources_of([grow.addition])[0]
    if not addition.scalar("disk") > 0:
        return "The size of 'GrowVolume.addition' field must be greater than zero"
    if volume.is_empty:
        return "Invalid persistent volume in the 'GrowVolume.volume' field: it has no size"
    kind = volume.kinds()[0]
    if kind.is_shared:
        return "Growing a shared persistent volume is not supported"
    if addition.kinds() != [kind.without_volume()] or _is_mount(kind):
        return "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields"
    return None


def _shrink(operation: Operation, asked: Asked) -> str | None:
    assert operation.shrink_volume is not None
    shrink: ShrinkVolume = operation.shrink_volume
    if problem := _volumes_problem([shrink.volume], asked):
        return f"Invalid persistent volume in the 'ShrinkVolume.volume' field: {problem}"
    try:
        subtract = milli(shrink.subtract.value)
    except ResourcesMalformed as error:
        return f"Invalid 'ShrinkVolume.subtract': {error}"
    volume, _ = resources_of([shrink.volume])
    if subtract <= 0:
        return "Value of 'ShrinkVolume.subtract' must be greater than zero"
    if volume.scalar("disk") <= subtract:
        return (
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of"
            " 'ShrinkVolume.volume'"
        )
    kind = volume.kinds()[0]
    if _is_mount(kind):
        return "Shrinking a volume on a MOUNT disk is not supported"
    if kind.is_shared:
        return "Shrinking a shared persistent volume is not supported"
    return None


def _is_mount(kind: Kind) -> bool:
    source = kind.disk.source if kind.disk is not None else None
    return source is not None and source.type != "PATH"


_CHECKS: Mapping[str, Callable[[Operation, Asked], str | None]] = {
    "RESERVE": _reserve,
    "UNRESERVE": _unreserve,
    "CREATE": _create,
    "DESTROY": _destroy,
    "GROW_VOLUME": _grow,
    "SHRINK_VOLUME": _shrink,
}
