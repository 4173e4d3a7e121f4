"""The load balancer's configuration; flags, environment and `--help` are made from this struct."""

import ipaddress
import resource
import socket
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from lb import collect, render

MAXCONN_LEAST, MAXCONN_MOST = 100, 50_000
NOFILE_UNLIMITED = 1_048_576


class LbConfig(Struct, frozen=True):
    """Follows Marathon and drives a HAProxy of its own."""

    ip: Annotated[str, Meta(description="address of the admin endpoints")] = "127.0.0.1"
    port: Annotated[int, Meta(description="port of the admin endpoints", ge=1, le=65535)] = 9090
    marathon: Annotated[tuple[str, ...], Meta(description="URLs of Marathon, tried in turn")] = (
        "http://127.0.0.1:8080",
    )
    work_dir: Annotated[
        str, Meta(description="directory of HAProxy's configuration, sockets and log")
    ] = "lb"
    http_port: Annotated[
        int, Meta(description="port on which hosts (HAPROXY_n_VHOST) are served", ge=1, le=65535)
    ] = 9080
    bind: Annotated[str, Meta(description="address of the HTTP and service ports")] = "127.0.0.1"
    group: Annotated[
        tuple[str, ...], Meta(description="serve apps of these HAPROXY_GROUPs; * means all")
    ] = ("*",)
    haproxy: Annotated[str, Meta(description="path or name of the haproxy program")] = "haproxy"
    name: Annotated[
        str, Meta(description="how Marathon knows this load balancer; default host:port")
    ] = ""
    cert_dir: Annotated[
        str, Meta(description="directory of HAPROXY_n_SSL_CERT; default certs in the work dir")
    ] = "certs"
    maxconn: Annotated[
        int, Meta(description="connections at once; 0: from the limit of open files", ge=0)
    ] = 0
    hard_stop_after: Annotated[
        int, Meta(description="seconds until streams end that outlive a reload", ge=5, le=86_400)
    ] = 600
    insecure: Annotated[
        bool, Meta(description="allow an admin address other than loopback without credentials")
    ] = False


def refusal(config: LbConfig) -> str | None:
    """Why this configuration cannot be, in one sentence, or None."""
    for flag, address in (("--ip", config.ip), ("--bind", config.bind)):
        try:
            ipaddress.ip_address(address)
        except ValueError:
            return f"{flag} {address!r} is not an IP address"
    if not ipaddress.ip_address(config.ip).is_loopback and not config.insecure:
        return (
            f"--ip {config.ip} would show the admin endpoints to the network without a password; "
            "use a loopback address, or --insecure if that is meant"
        )
    if config.port == config.http_port:
        return f"--port and --http-port are both {config.port}"
    return None


def instance_name(config: LbConfig) -> str:
    return config.name or f"{socket.gethostname()}:{config.port}"


def options_of(config: LbConfig) -> collect.Options:
    return collect.Options(
        groups=config.group,
        bind=config.bind,
        reserved_ports={
            config.http_port: "the load balancer's own (--http-port)",
            config.port: "the load balancer's own (--port)",
        },
    )


def render_settings_of(config: LbConfig, has_exporter: bool) -> render.Settings:
    return render.Settings(
        bind=config.bind,
        http_port=config.http_port,
        maxconn=config.maxconn or maxconn_of(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        cert_dir=str(Path(config.work_dir).absolute() / config.cert_dir)
        if config.cert_dir != "certs"
        else "certs",
        metrics_socket="metrics.sock" if has_exporter else None,
        hard_stop_after_s=config.hard_stop_after,
    )


def maxconn_of(nofile_hard: int) -> int:
    """Two descriptors per connection, and a tenth for listeners, checks and pipes.

    HAProxy refuses to start when the hard limit is too low for its maxconn.
    """
    limit = NOFILE_UNLIMITED if nofile_hard == resource.RLIM_INFINITY else nofile_hard
    return max(MAXCONN_LEAST, min(MAXCONN_MOST, limit * 9 // 10 // 2))
