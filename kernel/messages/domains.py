"""Fault domains as flags and wire have them: a region and a zone within it.

Source: Mesos, mesos.proto (DomainInfo), docs/fault-domains.md.
"""

from typing import Any

import msgspec

from kernel.model.resources import ResourcesMalformed

_HOW = "write region/zone, or Mesos's JSON with fault_domain.region.name and fault_domain.zone.name"


def domain_of(region: str, zone: str) -> dict[str, Any]:
    """As DomainInfo is written."""
    return {"fault_domain": {"region": {"name": region}, "zone": {"name": zone}}}


def parse_domain(text: str) -> dict[str, Any] | None:
    """What `--domain` says, None for nothing. Raises `ResourcesMalformed`."""
    if not text.strip():
        return None
    if text.lstrip().startswith("{"):
        return _from_json(text)
    region, slash, zone = (part.strip() for part in text.partition("/"))
    if not (region and slash and zone) or "/" in zone:
        raise ResourcesMalformed(_HOW)
    return domain_of(region, zone)


def domain_text(domain: dict[str, Any] | None) -> str:
    """`region/zone`, or that there is none."""
    if domain is None:
        return "not set"
    fault = domain["fault_domain"]
    return f"{fault['region']['name']}/{fault['zone']['name']}"


def region_of(domain: dict[str, Any] | None) -> str | None:
    """The region's name, if the domain has one, whoever wrote it."""
    found: Any = domain
    for key in ("fault_domain", "region", "name"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def _from_json(text: str) -> dict[str, Any]:
    try:
        fault = msgspec.json.decode(text)["fault_domain"]
        region, zone = fault["region"]["name"], fault["zone"]["name"]
    except (msgspec.DecodeError, KeyError, TypeError):
        raise ResourcesMalformed(_HOW) from None
    if not (isinstance(region, str) and isinstance(zone, str) and region and zone):
        raise ResourcesMalformed(_HOW)
    return domain_of(region, zone)
