"""Health checks (for ever), readiness checks (until first passed) and the status-only check.

Who probes depends on the protocol: Marathon itself for HTTP, HTTPS and TCP, the agent for COMMAND
and MESOS_*. Source: Marathon, docs/docs/health-checks.md, docs/docs/readiness-checks.md.
"""

from enum import StrEnum

from msgspec import Struct

from marathon_app.schema.field import always
from marathon_app.schema.quantity import Number


class HealthCheckProtocol(StrEnum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"
    TCP = "TCP"
    COMMAND = "COMMAND"
    MESOS_HTTP = "MESOS_HTTP"
    MESOS_HTTPS = "MESOS_HTTPS"
    MESOS_TCP = "MESOS_TCP"


PROBED_BY_MARATHON = (
    HealthCheckProtocol.HTTP,
    HealthCheckProtocol.HTTPS,
    HealthCheckProtocol.TCP,
)
WITH_PATH = (
    HealthCheckProtocol.HTTP,
    HealthCheckProtocol.HTTPS,
    HealthCheckProtocol.MESOS_HTTP,
    HealthCheckProtocol.MESOS_HTTPS,
)


class IpProtocol(StrEnum):
    IPV4 = "IPv4"
    IPV6 = "IPv6"


class CheckCommand(Struct, frozen=True, kw_only=True):
    value: str


class HealthCheck(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """After completion exactly one of port, portIndex and command is set, path only with HTTP."""

    protocol: HealthCheckProtocol = always(HealthCheckProtocol.HTTP)
    path: str | None = None
    port_index: int | None = None
    port: int | None = None
    command: CheckCommand | None = None
    grace_period_seconds: int = always(300)
    interval_seconds: int = always(60)
    timeout_seconds: int = always(20)
    max_consecutive_failures: int = always(3)
    delay_seconds: int = always(15)
    ignore_http_1xx: bool = always(False, name="ignoreHttp1xx")  # camel case would say 1Xx
    ip_protocol: IpProtocol = always(IpProtocol.IPV4)

    @property
    def is_probed_by_marathon(self) -> bool:
        return self.protocol in PROBED_BY_MARATHON


class ReadinessProtocol(StrEnum):
    HTTP = "HTTP"
    HTTPS = "HTTPS"


class ReadinessCheck(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    name: str = always("readinessCheck")
    protocol: ReadinessProtocol = always(ReadinessProtocol.HTTP)
    path: str = always("/")
    port_name: str = always("http-api")
    interval_seconds: int = always(30)
    timeout_seconds: int = always(10)
    http_status_codes_for_ready: tuple[int, ...] = always((200,))
    preserve_last_response: bool = always(False)


class CheckEndpoint(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    port_index: int | None = None
    endpoint: str | None = None
    path: str | None = None


class CheckExec(Struct, frozen=True, kw_only=True):
    command: dict[str, str]


class Check(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Reported in the task's `checkResult`; never kills."""

    http: CheckEndpoint | None = None
    tcp: CheckEndpoint | None = None
    exec: CheckExec | None = None
    interval_seconds: Number = always(60)
    timeout_seconds: Number = always(20)
    delay_seconds: Number = always(15)
