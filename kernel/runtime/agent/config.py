"""The agent's flags, with Mesos's names where Mesos has one."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from kernel.agent.oversubscription import FIXED
from kernel.agent.reconfiguration import Policy
from kernel.messages.domains import parse_domain
from kernel.messages.quantities import parse_attributes, parse_resources
from kernel.model.resources import Resources, ResourcesMalformed, parse_ranges
from kernel.runtime.authentication import (
    CredentialsUnreadable,
    authorization,
    read_credentials,
)
from kernel.runtime.client import Where
from kernel.runtime.leader_finder import at_leader, master_urls

AGENT_PATH = "/tepui/v1/agent"
READONLY, READWRITE = "mesos-agent-readonly", "mesos-agent-readwrite"


class AgentConfig(Struct, frozen=True):
    """Offers this machine's resources to a master and runs the tasks that it is given."""

    ip: Annotated[str, Meta(description="Address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port to listen on", ge=0, le=65535)] = 5051
    hostname: Annotated[
        str, Meta(description="Name that others are told; empty means localhost or the address")
    ] = ""
    work_dir: Annotated[
        str, Meta(description="Directory for sandboxes and for what the agent keeps")
    ] = "tepui-data/agent"
    master: Annotated[
        tuple[str, ...],
        Meta(description="Masters: host:port, URLs or zk://H1,H2,H3/PATH; the leader is found"),
    ] = ("http://127.0.0.1:5050",)
    resources: Annotated[
        str,
        Meta(
            description="As cpus:4;mem(role):1024;disk:5000, or Mesos's JSON list (for disks with a"
            " source), or file:///path to either; what is not named is probed"
        ),
    ] = ""
    attributes: Annotated[str, Meta(description="As rack:a;level:10;keys:[1-5]")] = ""
    domain: Annotated[
        str, Meta(description="Fault domain, as region/zone or as Mesos's JSON; empty for none")
    ] = ""
    reconfiguration_policy: Annotated[
        Policy,
        Meta(
            description="What a restart may change of resources, attributes and domain: equal"
            " (nothing), additive (it may add) or any; tasks and volumes live on in each case"
        ),
    ] = Policy.ANY
    resource_estimator: Annotated[
        str,
        Meta(
            description="What is lent out as revocable: none, usage (what tasks hold and do not"
            " use), or fixed:cpus:2;mem:1024"
        ),
    ] = "none"
    oversubscribed_resources_interval: Annotated[
        float, Meta(description="Seconds between two measurements for that", ge=0.05)
    ] = 15.0
    qos_mem_floor: Annotated[
        int,
        Meta(
            description="MiB of available memory below which revocable containers are killed, one"
            " per measurement, the youngest first; 0 for never",
            ge=0,
        ),
    ] = 256
    qos_load_max: Annotated[
        float, Meta(description="Load per cpu above which the same is done; 0 for never", ge=0)
    ] = 0.0
    ports: Annotated[str, Meta(description="Range of ports to offer, as 31000-32000")] = (
        "31000-32000"
    )
    gc_delay: Annotated[
        float, Meta(description="Seconds that the sandbox of an ended task is kept", ge=1)
    ] = 604_800.0
    executor_registration_timeout: Annotated[
        float,
        Meta(description="Seconds that a custom executor has to subscribe once started", gt=0),
    ] = 60.0
    executor_reregistration_timeout: Annotated[
        float,
        Meta(
            description="Seconds that custom executors have to come back after the agent's restart",
            gt=0,
            le=15,
        ),
    ] = 2.0
    executor_shutdown_grace_period: Annotated[
        float,
        Meta(description="Seconds between asking a custom executor to end and killing it", ge=0),
    ] = 5.0
    recovery_timeout: Annotated[
        float,
        Meta(
            description="Seconds that custom executors are told to wait for an absent agent", gt=0
        ),
    ] = 900.0
    switch_user: Annotated[
        bool, Meta(description="Run tasks as the user that they name, if the agent is root")
    ] = True
    cgroups_enable_cfs: Annotated[
        bool, Meta(description="Also cap a task's cpus, not only weigh them")
    ] = False
    task_pids_max: Annotated[
        int, Meta(description="Processes and threads that one task may have", ge=16)
    ] = 4096
    credential: Annotated[
        str, Meta(description="File with the principal and secret to show to the master")
    ] = ""
    http_credentials: Annotated[
        str, Meta(description="File of principals and secrets, as Mesos's JSON or line by line")
    ] = ""
    authenticate_http_readonly: Annotated[
        bool, Meta(description="Ask who reads over HTTP for credentials")
    ] = False
    authenticate_http_readwrite: Annotated[
        bool, Meta(description="Ask operators for credentials")
    ] = False
    insecure: Annotated[
        bool, Meta(description="Allow an address other than loopback without credentials")
    ] = False


def problem_with(config: AgentConfig) -> str | None:
    """What no single flag's range can tell, as one sentence, or None."""
    try:
        is_loopback = ip_address(config.ip).is_loopback
    except ValueError:
        return f"--ip {config.ip} is no IP address"
    if not is_loopback and not config.insecure:
        return (
            f"--ip {config.ip} is reachable from outside and what is said there can be overheard;"
            " listen on 127.0.0.1, or say --insecure"
        )
    for flag, read, text in (
        ("resources", read_resources, config.resources),
        ("domain", parse_domain, config.domain),
        ("resource-estimator", read_estimator, config.resource_estimator),
        ("attributes", parse_attributes, config.attributes),
        ("ports", lambda span: parse_ranges("ports", f"[{span}]"), config.ports),
    ):
        try:
            read(text)
        except ResourcesMalformed as error:
            return f"--{flag} {text!r} will not do: {error}"
    if any(realms_of(config).values()) and not config.http_credentials:
        return "--authenticate-http-… asks for credentials; name their file with --http-credentials"
    try:
        credentials_of(config)
        if config.credential:
            authorization(config.credential)
    except CredentialsUnreadable as error:
        return f"--credential or --http-credentials will not do: {error}"
    for url in master_urls(",".join(config.master)):
        if urlsplit(url).scheme not in ("http", "https", "zk") or not urlsplit(url).netloc:
            return f"--master {url!r} will not do: write http://HOST:PORT or zk://H1,H2,H3/PATH"
    return None


def realms_of(config: AgentConfig) -> dict[str, bool]:
    """Mesos's realms, and whether each asks for credentials."""
    return {
        READONLY: config.authenticate_http_readonly,
        READWRITE: config.authenticate_http_readwrite,
    }


def credentials_of(config: AgentConfig) -> dict[str, str]:
    """Raises `CredentialsUnreadable`."""
    return read_credentials(config.http_credentials) if config.http_credentials else {}


def read_resources(text: str) -> Resources:
    """What `--resources` says, there or in the file that it names. Raises `ResourcesMalformed`."""
    if not text.startswith("file://"):
        return parse_resources(text)
    try:
        return parse_resources(Path(text.removeprefix("file://")).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ResourcesMalformed(f"the file can't be read: {error}") from None


def read_estimator(text: str) -> Resources:
    """The amounts of a fixed estimator, nothing for the others. Raises `ResourcesMalformed`."""
    if text in ("none", "usage"):
        return Resources()
    if not text.startswith(FIXED):
        raise ResourcesMalformed("write none, usage or fixed:cpus:2;mem:1024")
    return parse_resources(text.removeprefix(FIXED))


def masters(config: AgentConfig) -> list[Where]:
    """Where to subscribe."""
    return [at_leader(url, AGENT_PATH) for url in master_urls(",".join(config.master))]
