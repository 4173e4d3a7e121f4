"""What this machine has: resources to offer, its boot id. The flags win over what is found.

Source: Mesos, docs/attributes-resources.md; src/slave/slave.cpp (what is left to the system).
"""

import os
from pathlib import Path

from kernel.messages.domains import parse_domain
from kernel.messages.quantities import parse_attributes, to_wire
from kernel.messages.v1 import AgentInfo
from kernel.model.kinds import UNRESERVED
from kernel.model.resources import (
    MILLI,
    Resources,
    parse_ranges,
    port_ranges,
    ranges_count,
)
from kernel.runtime.agent.config import AgentConfig, read_resources

MESOS_VERSION = "1.11.0"  # what clients compare; dotted integers only
TEPUI_VERSION = "0.1.0"
MEM_LEFT_MIB = 1024  # for the system; Mesos: 1 GB, or half of what is there if that is less
DISK_LEFT_MIB = 5 * 1024  # likewise 5 GB
_MIB = 1024 * 1024


def agent_info(config: AgentConfig, work_dir: Path) -> AgentInfo:
    hostname = config.hostname or ("localhost" if config.ip.startswith("127.") else config.ip)
    return AgentInfo(
        hostname=hostname,
        port=config.port,
        resources=to_wire(resources(config, work_dir)),
        attributes=parse_attributes(config.attributes),
        domain=parse_domain(config.domain),
    )


def resources(config: AgentConfig, work_dir: Path) -> Resources:
    """The flags' resources, and what was found for each kind that they don't name."""
    given = read_resources(config.resources)
    named = {name for _, name in (*given.scalars, *given.ranges, *given.sets)}
    found = given
    for name, amount in (("cpus", _cpus()), ("mem", _mem_mib()), ("disk", _disk_mib(work_dir))):
        if name not in named:
            found = found + Resources({(UNRESERVED, name): amount * MILLI})
    if "ports" not in named:
        spans = parse_ranges("ports", f"[{config.ports}]")
        assert ranges_count(spans) > 0
        found = found + port_ranges(*spans)
    return found


def boot_id() -> str:
    """Changes with each start of the machine; "" where it can't be told."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _mem_mib() -> int:
    try:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // _MIB
    except (ValueError, OSError):
        return MEM_LEFT_MIB  # Mesos's fallback: 1 GB
    return max(total // 2, total - MEM_LEFT_MIB) if total > MEM_LEFT_MIB else total // 2


def _disk_mib(work_dir: Path) -> int:
    figures = os.statvfs(work_dir)
    total = figures.f_blocks * figures.f_frsize // _MIB
    return max(total // 2, total - DISK_LEFT_MIB) if total > DISK_LEFT_MIB else total // 2
