"""Rows of frameworks and roles: what each has of the cluster, its weight and its quota."""

from collections.abc import Sequence

from msgspec import Struct

from web.present import states
from web.present.agents import Gauge, amounts_sum, amounts_text, gauges
from web.present.states import Look
from web.present.words import mebibytes, number
from web.shapes.mesos import Role, State


class Share(Struct, frozen=True):
    """What a framework or a role has of the cluster."""

    id: str
    name: str
    look: Look
    roles: Sequence[str]
    tasks: int
    cpus: Gauge
    mem: Gauge
    webui_url: str
    registered_ms: int


def framework_rows(state: State) -> list[Share]:
    # Frameworks hold what runs on agents out of service, too.
    total = amounts_sum([slave.resources for slave in state.slaves])
    rows = []
    for framework in state.frameworks:
        used = gauges(framework.used_resources, total)
        rows.append(
            Share(
                id=framework.id,
                name=framework.name,
                look=states.ACTIVE if framework.active else states.INACTIVE,
                roles=framework.roles or ([framework.role] if framework.role else ["*"]),
                tasks=len(framework.tasks),
                cpus=used[0],
                mem=used[1],
                webui_url=framework.webui_url if _is_web(framework.webui_url) else "",
                registered_ms=round(framework.registered_time * 1000),
            )
        )
    return sorted(rows, key=lambda row: row.name)


class RoleRow(Struct, frozen=True):
    """A role among those that share the cluster: its weight, its quota and what it has."""

    name: str
    weight: str
    guarantee: str
    limit: str
    reserved: str
    cpus: str
    mem: str
    frameworks: str


def role_rows(roles: Sequence[Role], state: State) -> list[RoleRow]:
    names = {framework.id: framework.name for framework in state.frameworks}
    return [
        RoleRow(
            name=role.name,
            weight=number(role.weight),
            guarantee=amounts_text(role.quota.guarantee),
            limit=amounts_text(role.quota.limit),
            reserved=amounts_text(role.reserved),
            cpus=number(role.resources.get("cpus") or 0),
            mem=mebibytes(role.resources.get("mem") or 0),
            frameworks=", ".join(names.get(each, each) for each in role.frameworks),
        )
        for role in roles
    ]


def _is_web(url: str) -> bool:
    """A framework chooses this text itself, so nothing but a web address becomes a link."""
    return url.startswith(("http://", "https://"))
