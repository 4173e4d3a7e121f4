"""Writes the `TaskInfo` of an instance: what Mesos is asked to run, from the app and its place.

Leaves the choice of the place to `placement`. Source: Marathon, TaskBuilder, HealthCheck.scala.
"""

from collections.abc import Sequence
from typing import Any

from kernel.messages import v1
from marathon_app.core.environment import environment
from marathon_app.schema.app import App
from marathon_app.schema.container import Container, ContainerType, Volume
from marathon_app.schema.health import HealthCheck, HealthCheckProtocol
from marathon_app.schema.network import NetworkMode

NANOSECONDS_PER_MS = 1_000_000


def task_info(
    app: App,
    *,
    task_id: str,
    agent_id: str,
    host: str,
    ports: Sequence[int],
    resources: list[v1.Resource],
    env_vars_prefix: str = "",
    is_role_enforced: bool = False,
) -> v1.TaskInfo:
    """`ports` are the host ports, one per declared port (0: only a container port)."""
    env = environment(
        app,
        task_id=task_id,
        host=host,
        ports=_listened(app, ports),
        declared_ports=_declared(app),
        prefix=env_vars_prefix,
        is_role_enforced=is_role_enforced,
    )
    grace_ms = app.kill_grace_period_ms
    grace = v1.DurationInfo(grace_ms * NANOSECONDS_PER_MS) if grace_ms is not None else None
    return v1.TaskInfo(
        name=hostname_form(app.id),
        task_id=v1.Id(task_id),
        agent_id=v1.Id(agent_id),
        resources=resources,
        command=_command(app, env),
        container=_container(app, ports),
        health_check=_health_check(app, ports),
        check=_check(app, ports),
        kill_policy=v1.KillPolicy(grace_period=grace) if grace else None,
        labels=_labels(app.labels) if app.labels else None,
        discovery=_discovery(app, ports),
        limits=_limits(app),
    )


def hostname_form(app_id: str) -> str:
    """`/shop/db` -> `db.shop`."""
    return ".".join(reversed(app_id.strip("/").split("/")))


def _listened(app: App, ports: Sequence[int]) -> list[int]:
    """What the task itself listens on: container ports where it has its own address."""
    if app.is_host_mode:
        return list(ports)
    return [
        port or mapping.container_port
        for port, mapping in zip(ports, app.port_mappings, strict=True)
    ]


def _declared(app: App) -> list[int]:
    if app.is_host_mode:
        return list(app.service_ports)
    return [mapping.container_port for mapping in app.port_mappings]


def _command(app: App, env: dict[str, str]) -> v1.CommandInfo:
    is_image = app.container is not None and app.container.docker is not None
    value = app.cmd if app.cmd is not None else None
    if value is None and app.args and not is_image:
        value = app.args[0]  # Mesos takes the program from here, argv from the arguments
    return v1.CommandInfo(
        uris=[
            v1.Uri(
                value=fetch.uri,
                executable=fetch.executable,
                extract=fetch.extract,
                cache=fetch.cache,
                output_file=fetch.dest_path,
            )
            for fetch in app.fetch
        ],
        environment=v1.Environment(
            variables=[v1.Variable(name=name, value=text) for name, text in env.items()]
        ),
        shell=app.cmd is not None,
        value=value,
        arguments=list(app.args),
        user=app.user,
    )


def _labels(labels: dict[str, str]) -> v1.Labels:
    return v1.Labels(labels=[v1.Label(key=key, value=value) for key, value in labels.items()])


def _limits(app: App) -> dict[str, v1.ScalarValue] | None:
    limits = app.resource_limits
    if limits is None:
        return None
    named = {"cpus": limits.cpus, "mem": limits.mem}
    found = {n: v1.ScalarValue(float(v)) for n, v in named.items() if isinstance(v, int | float)}
    return found or None


def _discovery(app: App, ports: Sequence[int]) -> v1.DiscoveryInfo:
    if app.is_host_mode:
        named = [(d.protocol, d.name, d.labels) for d in app.port_definitions or ()]
    else:
        named = [(m.protocol, m.name, m.labels) for m in app.port_mappings]
    numbers = _listened(app, ports)
    listed = [
        v1.Port(number=number, name=name, protocol=one, labels=_labels(labels) if labels else None)
        for number, (protocol, name, labels) in zip(numbers, named, strict=True)
        for one in protocol.split(",")
    ]
    return v1.DiscoveryInfo(
        visibility="FRAMEWORK", name=hostname_form(app.id), ports=v1.Ports(ports=listed)
    )


# --- health --------------------------------------------------------------------------------------
def check_port(app: App, check: HealthCheck, ports: Sequence[int]) -> int:
    """Where the check knocks: its own number, or the port that its index names."""
    if check.port is not None:
        return check.port
    index = check.port_index or 0
    return ports[index] if index < len(ports) else 0


def _health_check(app: App, ports: Sequence[int]) -> v1.HealthCheck | None:
    """Only the first agent-level one: Mesos runs one per task."""
    check = next((c for c in app.health_checks if not c.is_probed_by_marathon), None)
    if check is None:
        return None
    port = check_port(app, check, _listened(app, ports))
    fields: dict[str, Any] = {
        "delay_seconds": float(check.delay_seconds),
        "interval_seconds": float(check.interval_seconds),
        "timeout_seconds": float(check.timeout_seconds),
        "consecutive_failures": check.max_consecutive_failures,
        "grace_period_seconds": float(check.grace_period_seconds),
    }
    match check.protocol:
        case HealthCheckProtocol.COMMAND:
            value = check.command.value if check.command else ""
            return v1.HealthCheck(type="COMMAND", command=v1.CommandInfo(value=value), **fields)
        case HealthCheckProtocol.MESOS_TCP:
            return v1.HealthCheck(type="TCP", tcp=v1.TcpCheck(port=port), **fields)
        case _:
            scheme = "https" if check.protocol is HealthCheckProtocol.MESOS_HTTPS else "http"
            http = v1.HttpCheck(port=port, scheme=scheme, path=check.path or "/")
            return v1.HealthCheck(type="HTTP", http=http, **fields)


def _check(app: App, ports: Sequence[int]) -> v1.CheckInfo | None:
    check = app.check
    if check is None:
        return None
    fields: dict[str, Any] = {
        "delay_seconds": float(check.delay_seconds),
        "interval_seconds": float(check.interval_seconds),
        "timeout_seconds": float(check.timeout_seconds),
    }
    if check.exec is not None:
        command = v1.CommandInfo(value=check.exec.command.get("shell", ""))
        return v1.CheckInfo(type="COMMAND", command=v1.CheckCommand(command=command), **fields)
    endpoint = check.http or check.tcp
    index = (endpoint.port_index or 0) if endpoint else 0
    listened = _listened(app, ports)
    port = listened[index] if index < len(listened) else 0
    if check.http is not None:
        http = v1.CheckHttp(port=port, path=check.http.path or "/")
        return v1.CheckInfo(type="HTTP", http=http, **fields)
    return v1.CheckInfo(type="TCP", tcp=v1.CheckTcp(port=port), **fields)


# --- containers ----------------------------------------------------------------------------------
def _container(app: App, ports: Sequence[int]) -> dict[str, Any] | None:
    container = app.container
    if container is None and app.is_host_mode:
        return None
    container = container or Container(type=ContainerType.MESOS)
    wire: dict[str, Any] = {"type": container.type.value}
    volumes = [_volume(volume) for volume in container.volumes if volume.host_path is not None]
    if volumes:
        wire["volumes"] = volumes
    networks = [
        {"name": network.name} | ({"labels": _label_dict(network.labels)} if network.labels else {})
        for network in app.networks
        if network.mode is NetworkMode.CONTAINER and network.name
    ]
    if networks:
        wire["network_infos"] = networks
    if container.docker is not None and container.type is ContainerType.DOCKER:
        wire["docker"] = _docker(app, container, ports)
    elif container.docker is not None:
        image = {"type": "DOCKER", "docker": {"name": container.docker.image}}
        wire["mesos"] = {"image": image | {"cached": not container.docker.force_pull_image}}
    if app.tty:
        wire["tty_info"] = {}
    return wire


def _docker(app: App, container: Container, ports: Sequence[int]) -> dict[str, Any]:
    docker = container.docker
    assert docker is not None, "the caller looked"
    words = {
        NetworkMode.HOST: "HOST",
        NetworkMode.BRIDGE: "BRIDGE",
        NetworkMode.CONTAINER: "USER",
    }
    wire: dict[str, Any] = {
        "image": docker.image,
        "network": words[app.networks[0].mode],
        "privileged": docker.privileged,
        "force_pull_image": docker.force_pull_image,
    }
    if docker.parameters:
        wire["parameters"] = [{"key": p.key, "value": p.value} for p in docker.parameters]
    mappings = [
        {"host_port": port, "container_port": mapping.container_port or port, "protocol": one}
        for port, mapping in zip(ports, app.port_mappings, strict=False)
        if port
        for one in mapping.protocol.split(",")
    ]
    if mappings:
        wire["port_mappings"] = mappings
    return wire


def _volume(volume: Volume) -> dict[str, Any]:
    return {
        "container_path": volume.container_path,
        "host_path": volume.host_path,
        "mode": (volume.mode.value if volume.mode else "RW"),
    }


def _label_dict(labels: dict[str, str]) -> dict[str, Any]:
    return {"labels": [{"key": key, "value": value} for key, value in labels.items()]}
