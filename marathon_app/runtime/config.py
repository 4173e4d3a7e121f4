"""Marathon's flags, with Marathon's names where it has them, and what the core makes of them.

Source: Marathon, docs/docs/command-line-flags.md.
"""

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from kernel.runtime.unix_user import own_user
from marathon_app.core.settings import Settings

# Marathon's own spelling of what other processes of ours call otherwise.
UPSTREAM_FLAGS = {"--http-port": "--port", "--http-address": "--ip", "--enable-features": ""}


class Config(Struct, frozen=True):
    """Runs and keeps long-running services on a Mesos-compatible master; serves Marathon's /v2."""

    ip: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port of the API.", ge=1, le=65535)] = 8080
    work_dir: Annotated[str, Meta(description="Directory of the store.")] = ".tepui/marathon"
    master: Annotated[
        str, Meta(description="Masters, as host:port or URLs, separated by commas.")
    ] = "http://127.0.0.1:5050"
    credential: Annotated[
        str, Meta(description="File with the principal and secret to show to the master.")
    ] = ""
    store: Annotated[
        str | None,
        Meta(
            description="Where state is kept: sqlite:///PATH, redis://HOST/DB, rediss://…,"
            " redis+sentinel://H1,H2,H3/NAME or zk://H1,H2,H3/PATH; the last four may be shared"
            " by several processes, of which one leads. Default: sqlite in"
            " --work-dir/marathon.sqlite."
        ),
    ] = None
    framework_name: Annotated[str, Meta(description="Name shown by the master.")] = "marathon"
    hostname: Annotated[str, Meta(description="Name under which others reach this API.")] = ""
    webui_url: Annotated[str | None, Meta(description="Where people are sent from /.")] = None
    mesos_role: Annotated[str, Meta(description="Role in which tasks run.")] = "marathon"
    mesos_user: Annotated[
        str, Meta(description="Unix user of tasks whose app names none. Empty: this process's.")
    ] = ""
    failover_timeout: Annotated[
        int, Meta(description="Seconds for which tasks outlive this process.", ge=1)
    ] = 604_800
    local_port_min: Annotated[
        int, Meta(description="Lowest service port to assign.", ge=1, le=65535)
    ] = 10_000
    local_port_max: Annotated[
        int, Meta(description="Highest service port to assign.", ge=1, le=65535)
    ] = 20_000
    env_vars_prefix: Annotated[
        str, Meta(description="Put before the names HOST, PORT… in a task's environment.")
    ] = ""
    drain_timeout: Annotated[
        float,
        Meta(description="Seconds a kill waits for load balancers to take a task out.", ge=0),
    ] = 10.0
    max_running_deployments: Annotated[
        int, Meta(description="More deployments at once are refused.", ge=1)
    ] = 1_000
    task_launch_timeout: Annotated[
        int, Meta(description="Milliseconds until a launched task must run.", ge=1)
    ] = 300_000
    reconciliation_interval: Annotated[
        int, Meta(description="Milliseconds between reconciliations.", ge=1)
    ] = 600_000
    decline_offer_duration: Annotated[
        int, Meta(description="Milliseconds for which unwanted offers are declined.", ge=1)
    ] = 120_000
    max_concurrent_marathon_health_checks: Annotated[
        int, Meta(description="Health probes under way at once.", ge=1)
    ] = 256
    event_stream_max_outstanding_messages: Annotated[
        int, Meta(description="Events kept for readers that come back.", ge=1)
    ] = 1_024
    access_control_allow_origin: Annotated[
        str | None, Meta(description="Origin whose pages may read this API (CORS).")
    ] = None
    insecure: Annotated[
        bool, Meta(description="Allow an address other than loopback without credentials.")
    ] = False

    @property
    def store_url(self) -> str:
        path = Path(self.work_dir).absolute() / "marathon.sqlite"
        return self.store if self.store is not None else f"sqlite:///{path}"

    @property
    def leader(self) -> str:
        """`host:port` as /v2/leader says it."""
        return f"{self.hostname or self.ip}:{self.port}"

    def settings(self) -> Settings:
        return Settings(
            framework_name=self.framework_name,
            role=self.mesos_role,
            user=self.mesos_user or own_user(),
            hostname=self.hostname,
            webui_url=self.webui_url or f"http://{self.leader}",
            failover_timeout_seconds=self.failover_timeout,
            local_port_min=self.local_port_min,
            local_port_max=self.local_port_max,
            env_vars_prefix=self.env_vars_prefix,
            drain_timeout_ms=round(self.drain_timeout * 1000),
            launch_timeout_ms=self.task_launch_timeout,
            reconciliation_interval_ms=self.reconciliation_interval,
            decline_ms=self.decline_offer_duration,
            deployments_running_max=self.max_running_deployments,
        )


def problem_with(config: Config) -> str | None:
    """What no single flag can tell, as one sentence, or None."""
    if config.local_port_min > config.local_port_max:
        return "--local-port-min is above --local-port-max"
    if not config.insecure and not _is_loopback(config.ip):
        return (
            f"--ip {config.ip} is reachable from outside and this API has no credentials yet;"
            " listen on 127.0.0.1, or say --insecure"
        )
    return None


def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return ip == "localhost"


def modern_flags(argv: Sequence[str]) -> list[str]:
    """`--framework_name` as `--framework-name`, so that Marathon's command lines work."""
    found: list[str] = []
    for word in argv:
        flag, separator, value = word.partition("=")
        if flag.startswith("--"):
            flag = flag.replace("_", "-")
            flag = UPSTREAM_FLAGS.get(flag) or flag
        found.append(flag + separator + value)
    return found
