"""Checks health and readiness checks: that each can be carried out against the app's own ports."""

from collections.abc import Iterator

from marathon_app.schema.app import App
from marathon_app.schema.health import HealthCheck, HealthCheckProtocol, IpProtocol, ReadinessCheck
from marathon_app.schema.problem import Problem
from marathon_app.schema.validation.limits import not_below, within
from marathon_app.schema.validation.ports import PORT_MAX

INDEX_TEXT = (
    "Health check port indices must address an element of the ports array or container "
    "port mappings."
)


def health_problems(app: App) -> Iterator[Problem]:
    for index, check in enumerate(app.health_checks):
        yield from _check_problems(app, check, f"/healthChecks({index})")
    at_agent = [check for check in app.health_checks if not check.is_probed_by_marathon]
    if len(at_agent) > 1:
        text = "may have at most one check that the agent runs (COMMAND or MESOS_*)"
        yield Problem("/healthChecks", f"{text}; there are {len(at_agent)}")
    if len(app.readiness_checks) > 1:
        yield Problem("/readinessChecks", "may have at most one readiness check")
    for index, readiness in enumerate(app.readiness_checks):
        yield from _readiness_problems(app, readiness, f"/readinessChecks({index})")


def _check_problems(app: App, check: HealthCheck, path: str) -> Iterator[Problem]:
    yield from not_below(f"{path}/gracePeriodSeconds", check.grace_period_seconds, 0)
    yield from not_below(f"{path}/intervalSeconds", check.interval_seconds, 1)
    yield from not_below(f"{path}/timeoutSeconds", check.timeout_seconds, 1)
    yield from not_below(f"{path}/maxConsecutiveFailures", check.max_consecutive_failures, 0)
    yield from not_below(f"{path}/delaySeconds", check.delay_seconds, 0)
    if check.protocol is HealthCheckProtocol.COMMAND:
        yield from _command_problems(check, path)
        return
    if check.command is not None:
        yield Problem(f"{path}/command", "is for protocol COMMAND only")
    yield from _address_problems(app, check, path)
    if check.path is not None and any(c.isspace() or not c.isprintable() for c in check.path):
        yield Problem(f"{path}/path", "must be a URL path, without spaces or control characters")
    if check.ip_protocol is IpProtocol.IPV6 and check.is_probed_by_marathon:
        yield Problem(f"{path}/ipProtocol", "IPv6 works with MESOS_HTTP, MESOS_HTTPS and MESOS_TCP")


def _command_problems(check: HealthCheck, path: str) -> Iterator[Problem]:
    if check.command is None or not check.command.value:
        yield Problem(f"{path}/command", "a COMMAND check needs command.value")
    elif "\0" in check.command.value:
        yield Problem(f"{path}/command/value", "must not contain a NUL character")


def _address_problems(app: App, check: HealthCheck, path: str) -> Iterator[Problem]:
    if check.port is not None and check.port_index is not None:
        yield Problem(path, "must have either port or portIndex, not both")
    elif check.port is not None:
        yield from within(f"{path}/port", check.port, 1, PORT_MAX)
    elif check.port_index is not None:
        count = len(app.service_ports)
        if not 0 <= check.port_index < count:
            text = f"{INDEX_TEXT} This one is {check.port_index}; the app has {count} port(s)."
            yield Problem(f"{path}/portIndex", text)


def _readiness_problems(app: App, check: ReadinessCheck, path: str) -> Iterator[Problem]:
    yield from not_below(f"{path}/intervalSeconds", check.interval_seconds, 1)
    yield from not_below(f"{path}/timeoutSeconds", check.timeout_seconds, 1)
    if check.timeout_seconds >= check.interval_seconds:
        text = f"is {check.timeout_seconds}, but must be less than intervalSeconds"
        yield Problem(f"{path}/timeoutSeconds", f"{text}, which is {check.interval_seconds}")
    if check.port_name not in app.port_names:
        names = ", ".join(name for name in app.port_names if name) or "none"
        text = f"'{check.port_name}' names no port of the app; its named ports are: {names}"
        yield Problem(f"{path}/portName", text)
    if not check.http_status_codes_for_ready:
        yield Problem(f"{path}/httpStatusCodesForReady", "must not be empty")
    for index, code in enumerate(check.http_status_codes_for_ready):
        yield from within(f"{path}/httpStatusCodesForReady({index})", code, 100, 999)
