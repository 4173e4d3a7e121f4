"""Chronos's flags, with Chronos's names where it has them, and what the core makes of them.

Source: Chronos, docs/docs/configuration.md.
"""

import ipaddress
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from chronos_app.core.lateness import read_epsilon
from chronos_app.core.settings import Settings
from chronos_app.schema.job import Defaults
from chronos_app.schema.refusal import Refused
from kernel.framework.session import framework_info
from kernel.runtime.unix_user import own_user

# Chronos's own spelling of what other processes of ours call otherwise.
UPSTREAM_FLAGS = {
    "--http-port": "--port",
    "--http-address": "--ip",
    "--mesos-framework-name": "--framework-name",
    "--http-notification-url": "--notify-webhook",
}


class Config(Struct, frozen=True):
    """Runs jobs by schedule and dependency on a Mesos-compatible master; serves Chronos's API."""

    ip: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(description="Port of the API.", ge=1, le=65535)] = 4400
    work_dir: Annotated[str, Meta(description="Directory of the store.")] = ".tepui/chronos"
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
            " --work-dir/chronos.sqlite."
        ),
    ] = None
    deliveries: Annotated[
        str | None,
        Meta(
            description="Broker of notifications: a directory, or redis://host:6379/0. "
            "Without one, nobody is told."
        ),
    ] = None
    notify_webhook: Annotated[
        str, Meta(description="URL that each notification is POSTed to as JSON.")
    ] = ""
    mail_from: Annotated[
        str, Meta(description="Sender of mails to owners. Empty: the default of deliveries.")
    ] = ""
    framework_name: Annotated[str, Meta(description="Name shown by the master.")] = "chronos"
    hostname: Annotated[str, Meta(description="Name under which others reach this API.")] = ""
    webui_url: Annotated[str | None, Meta(description="Where people are sent from /.")] = None
    mesos_role: Annotated[str, Meta(description="Role in which tasks run.")] = "chronos"
    user: Annotated[
        str, Meta(description="Unix user of jobs that name none. Empty: this process's.")
    ] = ""
    failover_timeout: Annotated[
        int, Meta(description="Seconds for which tasks outlive this process.", ge=1)
    ] = 604_800
    failure_retry: Annotated[
        int, Meta(description="Milliseconds from a failure to the next attempt.", ge=0)
    ] = 60_000
    disable_after_failures: Annotated[
        int, Meta(description="Failures in a row that disable a job; 0 is never.", ge=0)
    ] = 0
    mesos_task_cpu: Annotated[float, Meta(description="Cpus of jobs that name none.", gt=0)] = 0.1
    mesos_task_mem: Annotated[float, Meta(description="MiB of memory likewise.", gt=0)] = 128.0
    mesos_task_disk: Annotated[float, Meta(description="MiB of disk likewise.", gt=0)] = 256.0
    task_epsilon: Annotated[
        str,
        Meta(description="How late a job of /scheduler may start when it does not say so itself."),
    ] = "PT60S"
    job_history_limit: Annotated[int, Meta(description="Runs kept per job.", ge=1, le=10_000)] = 50
    reconciliation_interval: Annotated[
        int, Meta(description="Seconds between reconciliations.", ge=1)
    ] = 600
    insecure: Annotated[
        bool, Meta(description="Allow an address other than loopback without credentials.")
    ] = False

    @property
    def store_url(self) -> str:
        path = Path(self.work_dir).absolute() / "chronos.sqlite"
        return self.store if self.store is not None else f"sqlite:///{path}"

    @property
    def leader(self) -> str:
        """`host:port` as /leader says it."""
        return f"{self.hostname or self.ip}:{self.port}"

    def defaults(self) -> Defaults:
        return Defaults(
            cpus=self.mesos_task_cpu,
            mem=self.mesos_task_mem,
            disk=self.mesos_task_disk,
            epsilon=self.task_epsilon,
            run_as_user=self.user,
        )

    def settings(self) -> Settings:
        return Settings(
            framework=framework_info(
                self.framework_name,
                user=self.user or own_user(),
                roles=[self.mesos_role],
                failover_timeout_s=self.failover_timeout,
                hostname=self.hostname or None,
                webui_url=self.webui_url or f"http://{self.leader}",
            ),
            retry_delay_ms=self.failure_retry,
            disable_after_failures=self.disable_after_failures,
            history_count_max=self.job_history_limit,
            reconcile_interval_ms=self.reconciliation_interval * 1_000,
            tzdata=_tzdata_version(),
        )


def problem_with(config: Config) -> str | None:
    """What no single flag can tell, as one sentence, or None."""
    try:
        read_epsilon(config.task_epsilon)
    except Refused as refused:
        return f"--task-epsilon: {refused.refusal.message}"
    if not config.insecure and not _is_loopback(config.ip):
        return (
            f"--ip {config.ip} is reachable from outside and this API has no credentials yet;"
            " listen on 127.0.0.1, or say --insecure"
        )
    return None


def modern_flags(argv: Sequence[str]) -> list[str]:
    """`--mesos_task_cpu` as `--mesos-task-cpu`, so that Chronos's command lines work."""
    found: list[str] = []
    for word in argv:
        flag, separator, value = word.partition("=")
        if flag.startswith("--"):
            flag = flag.replace("_", "-")
            flag = UPSTREAM_FLAGS.get(flag, flag)
        found.append(flag + separator + value)
    return found


def _tzdata_version() -> str:
    try:
        return version("tzdata")
    except PackageNotFoundError:
        return ""  # the system's database, of which nobody can tell the version


def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return ip == "localhost"
