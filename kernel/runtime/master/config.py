"""The master's flags, with Mesos's names where Mesos has one."""

import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from kernel.allocator.clients import parse_minima
from kernel.master.acls import EVERYTHING, Acls, read_acls
from kernel.master.rate_limits import RateLimits, read_rate_limits
from kernel.master.validate import role_problem
from kernel.messages.domains import parse_domain
from kernel.model.durations import Rate, parse_rate
from kernel.runtime.authentication import read_credentials
from kernel.runtime.master.host_list import read_hosts

READONLY, READWRITE = "mesos-master-readonly", "mesos-master-readwrite"
HOSTS_FLAG = "whitelist"  # as Mesos calls it
SCHEDULER, AGENT = "mesos-master-scheduler", "tepui-master-agent"


class MasterConfig(Struct, frozen=True):
    """Hands out the agents' resources as offers, and passes tasks between frameworks and agents."""

    ip: Annotated[str, Meta(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port to listen on", ge=0, le=65535)] = 5050
    hostname: Annotated[
        str, Meta(description="Name that clients are told; empty means localhost or the address")
    ] = ""
    advertise_ip: Annotated[
        str,
        Meta(
            description="Address that clients are told; empty means --ip, or where it is all"
            " addresses, that of --hostname"
        ),
    ] = ""
    work_dir: Annotated[str, Meta(description="Directory for what the master keeps")] = (
        "tepui-data/master"
    )
    store: Annotated[
        str, Meta(description="Store URL; empty means sqlite in the work directory")
    ] = ""
    cluster: Annotated[str, Meta(description="Name of the cluster, for people")] = "tepui"
    agent_ping_timeout: Annotated[
        float, Meta(description="Seconds between pings of an agent", ge=0.05, le=3600)
    ] = 15.0
    max_agent_ping_timeouts: Annotated[
        int, Meta(description="Pings without answer until an agent is unreachable", ge=1, le=1000)
    ] = 5
    agent_reregister_timeout: Annotated[
        float,
        Meta(description="Seconds that known agents have to come back to a new master", ge=0.05),
    ] = 600.0
    agent_removal_rate_limit: Annotated[
        str,
        Meta(description="How many silent agents are given up, as 1/10mins; empty for no limit"),
    ] = ""
    recovery_agent_removal_limit: Annotated[
        str,
        Meta(description="How many known agents may be given up after a failover; else it ends"),
    ] = "100%"
    registry_gc_interval: Annotated[
        float, Meta(description="Seconds between looks for agents to forget", ge=0.05)
    ] = 900.0
    registry_max_agent_age: Annotated[
        float, Meta(description="Seconds that a lost agent is remembered", ge=0)
    ] = 1_209_600.0
    registry_max_agent_count: Annotated[
        int, Meta(description="Lost agents that are remembered", ge=0)
    ] = 102_400
    domain: Annotated[
        str, Meta(description="Fault domain, as region/zone or as Mesos's JSON; empty for none")
    ] = ""
    allocation_interval: Annotated[
        float, Meta(description="Seconds that a refusal lasts at least", ge=0.01, le=3600)
    ] = 1.0
    min_allocatable_resources: Annotated[
        str, Meta(description="The least that is offered of an agent: alternatives, by |")
    ] = "cpus:0.01|mem:32"
    fair_sharing_excluded_resource_names: Annotated[
        str, Meta(description="Resources that count in no share, by commas")
    ] = ""
    filter_gpu_resources: Annotated[
        bool, Meta(description="Offer agents with gpus to frameworks that know gpus only")
    ] = True
    allocator_agent_recovery_factor: Annotated[
        float,
        Meta(
            description="With quota: share of agents to come back before a new master offers",
            ge=0,
            le=1,
        ),
    ] = 0.8
    allocator_recovery_timeout: Annotated[
        float, Meta(description="Seconds that a new master with quota waits for them", ge=0)
    ] = 600.0
    offer_timeout: Annotated[
        float, Meta(description="Seconds until an unused offer is rescinded; 0 for never", ge=0)
    ] = 0.0
    max_completed_frameworks: Annotated[
        int, Meta(description="Ended frameworks to remember", ge=0)
    ] = 50
    max_completed_tasks_per_framework: Annotated[
        int, Meta(description="Ended tasks to remember per framework", ge=0)
    ] = 1_000
    max_unreachable_tasks_per_framework: Annotated[
        int, Meta(description="Unreachable tasks to remember per framework", ge=0)
    ] = 1_000
    max_operator_event_stream_subscribers: Annotated[
        int, Meta(description="Operators that may watch at once; then the oldest goes", ge=1)
    ] = 1_000
    credentials: Annotated[
        str, Meta(description="File of principals and secrets, as Mesos's JSON or line by line")
    ] = ""
    authenticate_http_readonly: Annotated[
        bool, Meta(description="Ask who reads over HTTP for credentials")
    ] = False
    authenticate_http_readwrite: Annotated[
        bool, Meta(description="Ask operators for credentials")
    ] = False
    authenticate_http_frameworks: Annotated[
        bool, Meta(description="Ask frameworks for credentials")
    ] = False
    authenticate_agents: Annotated[bool, Meta(description="Ask agents for credentials")] = False
    acls: Annotated[
        str, Meta(description="File with Mesos's ACLs as JSON: which principal may do what")
    ] = ""
    roles: Annotated[
        str, Meta(description="Roles that frameworks may have, by commas; empty for any")
    ] = ""
    root_submissions: Annotated[
        bool, Meta(description="Take frameworks whose tasks run as root")
    ] = True
    rate_limits: Annotated[
        str, Meta(description="Mesos's JSON, or its file: calls a second, by principal")
    ] = ""
    whitelist: Annotated[
        str, Meta(description="File of hosts whose agents are offered; read every 5 s, * for all")
    ] = ""
    insecure: Annotated[
        bool, Meta(description="Allow an address other than loopback without credentials")
    ] = False


def realms_of(config: MasterConfig) -> dict[str, bool]:
    """Mesos's realms, and whether each asks for credentials; the agents' one is ours."""
    return {
        READONLY: config.authenticate_http_readonly,
        READWRITE: config.authenticate_http_readwrite,
        SCHEDULER: config.authenticate_http_frameworks,
        AGENT: config.authenticate_agents,
    }


def acls_of(config: MasterConfig) -> Acls:
    """Raises `ValueError`."""
    if not config.acls:
        return EVERYTHING
    try:
        return read_acls(Path(config.acls.removeprefix("file://")).read_bytes())
    except OSError as error:
        raise ValueError(f"{config.acls} can't be read: {error.strerror}") from None


def rate_limits_of(config: MasterConfig) -> RateLimits:
    """Raises `ValueError`."""
    text = config.rate_limits.strip()
    if not text:
        return RateLimits()
    if text.startswith("{"):
        return read_rate_limits(text.encode())
    try:
        return read_rate_limits(Path(text.removeprefix("file://")).read_bytes())
    except OSError as error:
        raise ValueError(f"{text} can't be read: {error.strerror}") from None


def roles_of(config: MasterConfig) -> tuple[str, ...] | None:
    """Those that frameworks may have besides `*`; None is any. Raises `ValueError`."""
    if not config.roles.strip():
        return None
    roles = tuple(role.strip() for role in config.roles.split(","))
    for role in roles:
        if problem := role_problem(role):
            raise ValueError(problem)
    return roles


def hosts_file_of(config: MasterConfig) -> str | None:
    """The file of hosts whose agents are offered; None is all."""
    return config.whitelist if config.whitelist not in ("", "*") else None


def credentials_of(config: MasterConfig) -> dict[str, str]:
    """Raises `ValueError`."""
    return read_credentials(config.credentials) if config.credentials else {}


def removal_rate(config: MasterConfig) -> Rate | None:
    """Raises `DurationMalformed`."""
    text = config.agent_removal_rate_limit
    return parse_rate(text) if text else None


def removal_limit(config: MasterConfig) -> int:
    """Of 10,000. Raises `ValueError`."""
    text = config.recovery_agent_removal_limit.strip()
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,2})?)\s*%", text)
    if found is None or float(found[1]) > 100:
        raise ValueError("write a share of all, as 50%")
    return round(float(found[1]) * 100)


def problem_with(config: MasterConfig) -> str | None:
    """What no single flag can tell, as one sentence, or None."""
    try:
        is_loopback = ip_address(config.ip).is_loopback
    except ValueError:
        return f"--ip {config.ip} is no IP address"
    if config.advertise_ip:
        try:
            ip_address(config.advertise_ip)
        except ValueError:
            return f"--advertise-ip {config.advertise_ip} is no IP address"
    if not is_loopback and not config.insecure:
        return (
            f"--ip {config.ip} is reachable from outside and what is said there can be overheard;"
            " listen on 127.0.0.1, or say --insecure"
        )
    if any(realms_of(config).values()) and not config.credentials:
        return "--authenticate-… asks for credentials; name their file with --credentials"
    return _unreadable(config)


def _unreadable(config: MasterConfig) -> str | None:
    file = hosts_file_of(config)
    flags: tuple[tuple[str, str, Callable[[], object]], ...] = (
        (
            "agent-removal-rate-limit",
            config.agent_removal_rate_limit,
            lambda: removal_rate(config),
        ),
        (
            "recovery-agent-removal-limit",
            config.recovery_agent_removal_limit,
            lambda: removal_limit(config),
        ),
        (
            "min-allocatable-resources",
            config.min_allocatable_resources,
            lambda: parse_minima(config.min_allocatable_resources),
        ),
        ("domain", config.domain, lambda: parse_domain(config.domain)),
        ("credentials", config.credentials, lambda: credentials_of(config)),
        ("acls", config.acls, lambda: acls_of(config)),
        ("rate-limits", config.rate_limits, lambda: rate_limits_of(config)),
        ("roles", config.roles, lambda: roles_of(config)),
        (HOSTS_FLAG, file or "", lambda: read_hosts(file) if file is not None else None),
    )
    for flag, text, read in flags:
        try:
            read()
        except ValueError as error:
            return f"--{flag} {text!r} will not do: {error}"
    return None
