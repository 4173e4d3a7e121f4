"""Decides whether an offer can hold one more instance of an app, and with which host ports.

Takes from the offer as it goes, so a hundred instances fit into one ACCEPT. Leaves the order of
apps to `launching`, constraints' meaning to `constraints`. Source: Marathon, ResourceMatcher,
PortsMatcher; DIFFERS: no max_instances_per_offer.
"""

from collections.abc import Sequence

from msgspec import Struct

from kernel.framework import matching
from kernel.messages import quantities, v1
from kernel.model.resources import MILLI, Resources
from marathon_app.core.constraints import Spread, fields_of
from marathon_app.core.launch_queue import Reason, Rejection
from marathon_app.schema.app import App

MIB_NAMES = ("mem", "disk")
_SHORT: dict[str, Reason] = {
    "cpus": Reason.CPUS,
    "mem": Reason.MEMORY,
    "disk": Reason.DISK,
    "gpus": Reason.GPUS,
    "ports": Reason.PORTS,
}
_FUNNEL = list(Reason)


class Site(Struct):
    """One offer, with what is left of it."""

    offer_id: str
    agent_id: str
    host: str
    left: Resources
    attributes: dict[str, str]
    region: str | None
    zone: str | None
    is_in_maintenance: bool

    @property
    def fields(self) -> dict[str, str]:
        return fields_of(self.attributes, self.host, self.region, self.zone)


class Place(Struct, frozen=True):
    """`ports` has one host port per declared port; 0 where the task needs none."""

    resources: Resources
    ports: tuple[int, ...]


def site_of(offer: v1.Offer, wall_ms: int) -> Site:
    region, zone = _fault_domain(offer)
    plain = [r for r in offer.resources if not (r.disk or r.revocable or r.shared)]
    return Site(
        offer_id=offer.id.value,
        agent_id=offer.agent_id.value,
        host=offer.hostname,
        left=quantities.from_wire(plain),
        attributes=dict(quantities.attribute_texts(offer.attributes)),
        region=region,
        zone=zone,
        is_in_maintenance=_is_unavailable(offer.unavailability, wall_ms),
    )


def _fault_domain(offer: v1.Offer) -> tuple[str | None, str | None]:
    domain = (offer.domain or {}).get("fault_domain", {})
    return domain.get("region", {}).get("name"), domain.get("zone", {}).get("name")


def _is_unavailable(planned: v1.Unavailability | None, wall_ms: int) -> bool:
    if planned is None:
        return False
    now_ns = wall_ms * 1_000_000
    start_ns = planned.start.nanoseconds
    end_ns = start_ns + planned.duration.nanoseconds if planned.duration else None
    return start_ns <= now_ns and (end_ns is None or now_ns < end_ns)


def place(app: App, role: str, site: Site, spread: Spread, port_cursor: int) -> Place | Rejection:
    """Find room for one instance and take it out of `site`."""
    usable = _accepted(site.left, _accepted_roles(app, role))
    if usable.is_empty:
        wanted = ", ".join(app.accepted_resource_roles) or role
        return Rejection((Reason.ROLE,), f"has nothing of the accepted roles ({wanted})")
    broken = spread.violation(site.fields)
    if broken is not None:
        return Rejection((Reason.CONSTRAINT,), broken)
    if site.is_in_maintenance:
        return Rejection((Reason.MAINTENANCE,), "is in maintenance")
    demand = demand_of(app)
    taken = matching.take(usable, demand, spread=port_cursor)
    if isinstance(taken, matching.Shortage):
        return _rejection(taken)
    site.left = site.left - taken.resources
    return Place(taken.resources, _in_order(app, taken.ports))


def _accepted_roles(app: App, role: str) -> tuple[str, ...]:
    if not app.accepted_resource_roles:
        return ("", role)
    return tuple("" if one == "*" else one for one in app.accepted_resource_roles)


def _accepted(left: Resources, roles: Sequence[str]) -> Resources:
    """Persistent volumes and revocable resources are for who asks for them by name."""
    return left.where(lambda kind: kind.role in roles and kind.is_plain)


def demand_of(app: App) -> matching.Demand:
    scalars = {
        "cpus": app.cpus_milli,
        "mem": app.mem_milli,
        "disk": app.disk_milli,
        "gpus": app.gpus * MILLI,
    }
    wanted = _host_ports(app)
    return matching.Demand(
        scalars={name: amount for name, amount in scalars.items() if amount},
        fixed_ports=tuple(port for port in wanted if port),
        ports_count=sum(port == 0 for port in wanted),
    )


def _host_ports(app: App) -> list[int | None]:
    """Per declared port: the number it must have, 0 for any, None for no host port."""
    if app.is_host_mode:
        return [port if app.require_ports else 0 for port in app.service_ports]
    return [mapping.host_port for mapping in app.port_mappings]


def _in_order(app: App, found: tuple[int, ...]) -> tuple[int, ...]:
    """`matching` gives fixed ports first; put each back to where it was declared."""
    wanted = _host_ports(app)
    fixed_count = sum(bool(port) for port in wanted)
    free = iter(found[fixed_count:])
    return tuple(0 if port is None else (port or next(free)) for port in wanted)


def _rejection(shortage: matching.Shortage) -> Rejection:
    reasons = [_SHORT.get(name, Reason.SCARCE) for name in shortage.lacking]
    if shortage.ports_taken:
        reasons.append(Reason.PORTS)
    ordered = sorted(dict.fromkeys(reasons), key=_FUNNEL.index)
    return Rejection(tuple(ordered), shortage.sentence(), dict(shortage.lacking))


def resources_in_words(left: Resources) -> tuple[tuple[str, str], ...]:
    scalars = [(name, matching.amount(milli)) for name, milli in left.quantities().items()]
    ports = ",".join(f"{begin}-{end}" for begin, end in left.ports())
    return (*scalars, *((("ports", ports),) if ports else ()))
