"""What an operator may choose about the core. Durations are milliseconds unless said.

Source: Marathon, docs/command-line-flags.md.
"""

from msgspec import Struct


class Settings(Struct, frozen=True):
    framework_name: str = "marathon"
    role: str = "marathon"
    user: str = "root"  # whom tasks run as when the app does not say
    hostname: str = ""
    webui_url: str | None = None
    principal: str | None = None
    failover_timeout_seconds: int = 604_800
    local_port_min: int = 10_000
    local_port_max: int = 20_000
    env_vars_prefix: str = ""
    drain_timeout_ms: int = 10_000
    kill_retry_ms: int = 30_000
    launch_timeout_ms: int = 300_000  # until a launched task must run
    reconciliation_interval_ms: int = 600_000
    reconciliation_backoff_first_ms: int = 5_000  # then doubled up to a minute
    revive_interval_ms: int = 100  # DIFFERS: 5 s upstream; an agent's offers cost little here
    decline_ms: int = 120_000  # when nothing is wanted
    decline_waiting_ms: int = 5_000  # when the offer did not fit what is wanted
    deployments_running_max: int = 1_000  # DIFFERS: 100 upstream, which 101 quick POSTs exceed
