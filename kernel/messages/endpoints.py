"""The v0 endpoints that change something, read as calls of the operator API.

What is missing or malformed is refused in Mesos's words; what the call means is the same as over
`/api/v1`. Source: Mesos, docs/endpoints/master; src/master/http.cpp, quota_handler.cpp,
weights_handler.cpp; recordings v0-post-*, v0-put-*.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec
from msgspec import Struct

from kernel.messages import operator_calls as calls
from kernel.messages.codec import Malformed
from kernel.messages.lenient import read_value
from kernel.messages.maintenance import MachineId, Schedule
from kernel.messages.operator import Call, CallType
from kernel.messages.quota import QuotaRequest
from kernel.messages.v1 import Id, Resource

T = TypeVar("T")


class Posted(Struct, frozen=True):
    """What came: the path after the endpoint's own, and the body."""

    rest: str
    body: bytes


class Form:
    """A body of `name=value` pairs."""

    def __init__(self, body: bytes) -> None:
        # A JSON value may hold a '+', which a form would read as a space; Mesos's clients escape.
        self._fields = parse_qs(body.decode(errors="replace"), keep_blank_values=True)

    def text(self, name: str) -> str:
        """Raises `Malformed` when it is missing."""
        values = self._fields.get(name)
        if not values or not values[0]:
            raise Malformed(f"Missing '{name}' query parameter in the request body")
        return values[0]

    def resources(self, name: str) -> list[Resource]:
        """A field that is a JSON array of resources."""
        text = self.text(name)
        value = _json(text.encode(), f"Error in parsing '{name}' query parameter in the body")
        return _read(list[Resource], value, f"Error in parsing '{name}' query parameter")


def _json(body: bytes, problem: str) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{problem}: {error}") from None


def _read(kind: type[T], value: Any, problem: str) -> T:
    try:
        return read_value(kind, value)
    except Malformed as error:
        raise Malformed(f"{problem}: {error}") from None


def _agent_id(form: Form) -> Id:
    return Id(form.text("slaveId"))


def _reserve(posted: Posted) -> Call:
    form = Form(posted.body)
    reserve = calls.ReserveResources(
        agent_id=_agent_id(form), resources=form.resources("resources")
    )
    return Call(type=CallType.RESERVE_RESOURCES, reserve_resources=reserve)


def _unreserve(posted: Posted) -> Call:
    form = Form(posted.body)
    unreserve = calls.UnreserveResources(
        agent_id=_agent_id(form), resources=form.resources("resources")
    )
    return Call(type=CallType.UNRESERVE_RESOURCES, unreserve_resources=unreserve)


def _volumes(posted: Posted) -> calls.Volumes:
    form = Form(posted.body)
    return calls.Volumes(agent_id=_agent_id(form), volumes=form.resources("volumes"))


def _create_volumes(posted: Posted) -> Call:
    return Call(type=CallType.CREATE_VOLUMES, create_volumes=_volumes(posted))


def _destroy_volumes(posted: Posted) -> Call:
    return Call(type=CallType.DESTROY_VOLUMES, destroy_volumes=_volumes(posted))


def _teardown(posted: Posted) -> Call:
    framework_id = Id(Form(posted.body).text("frameworkId"))
    return Call(type=CallType.TEARDOWN, teardown=calls.Teardown(framework_id=framework_id))


def _weights(posted: Posted) -> Call:
    text = posted.body.decode(errors="replace")
    value = _json(posted.body, f"Failed to parse update weights request JSON '{text}'")
    problem = f"Failed to convert weights JSON array to protobuf '{text}'"
    if not isinstance(value, list):
        raise Malformed(f"{problem}: Expecting a JSON array")
    infos = _read(list[calls.WeightInfo], value, problem)
    return Call(
        type=CallType.UPDATE_WEIGHTS, update_weights=calls.UpdateWeights(weight_infos=infos)
    )


def _set_quota(posted: Posted) -> Call:
    text = posted.body.decode(errors="replace")
    value = _json(posted.body, f"Failed to parse set quota request JSON '{text}'")
    wanted = _read(QuotaRequest, value, f"Failed to convert set quota request JSON '{text}'")
    return Call(type=CallType.SET_QUOTA, set_quota=calls.SetQuota(quota_request=wanted))


def _remove_quota(posted: Posted) -> Call:
    role = posted.rest.strip("/")
    if not role:
        raise Malformed("Failed to parse remove quota request: no role in the path /quota/<role>")
    return Call(type=CallType.REMOVE_QUOTA, remove_quota=calls.RemoveQuota(role=role))


def _schedule(posted: Posted) -> Call:
    value = _json(posted.body, "Failed to parse the maintenance schedule")
    schedule = _read(Schedule, value, "Failed to read the maintenance schedule")
    return Call(
        type=CallType.UPDATE_MAINTENANCE_SCHEDULE,
        update_maintenance_schedule=calls.UpdateMaintenanceSchedule(schedule=schedule),
    )


def _machines(posted: Posted) -> calls.Machines:
    value = _json(posted.body, "Failed to parse the list of machines")
    if not isinstance(value, list):
        raise Malformed("Failed to read the list of machines: Expecting a JSON array")
    machines = _read(list[MachineId], value, "Failed to read the list of machines")
    return calls.Machines(machines=machines)


def _machine_down(posted: Posted) -> Call:
    return Call(type=CallType.START_MAINTENANCE, start_maintenance=_machines(posted))


def _machine_up(posted: Posted) -> Call:
    return Call(type=CallType.STOP_MAINTENANCE, stop_maintenance=_machines(posted))


#: Endpoint -> method -> how its body is read. A GET of the same path shows something.
CHANGING: dict[str, dict[str, Callable[[Posted], Call]]] = {
    "/reserve": {"POST": _reserve},
    "/unreserve": {"POST": _unreserve},
    "/create-volumes": {"POST": _create_volumes},
    "/destroy-volumes": {"POST": _destroy_volumes},
    "/teardown": {"POST": _teardown},
    "/weights": {"PUT": _weights},
    "/quota": {"POST": _set_quota, "DELETE": _remove_quota},
    "/maintenance/schedule": {"POST": _schedule},
    "/machine/down": {"POST": _machine_down},
    "/machine/up": {"POST": _machine_up},
}
