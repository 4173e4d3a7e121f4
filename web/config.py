"""What can be set for the dashboard; `kernel.runtime.config` reads it."""

from typing import Annotated

from msgspec import Meta, Struct


class Config(Struct, frozen=True, kw_only=True):
    """The dashboard: shows the cluster and changes it; knows the other parts by HTTP only."""

    ip: Annotated[str, Meta(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="port to listen on")] = 8000
    work_dir: Annotated[str, Meta(description="directory for the key that signs cookies")] = (
        "./.tepui/web"
    )
    master: Annotated[str, Meta(description="URLs of the masters, with commas")] = (
        "http://127.0.0.1:5050"
    )
    marathon: Annotated[str, Meta(description="URLs of the Marathons, with commas")] = (
        "http://127.0.0.1:8080"
    )
    chronos: Annotated[str, Meta(description="URLs of the Chronoses, with commas")] = (
        "http://127.0.0.1:4400"
    )
    lb: Annotated[str, Meta(description="URL of the load balancer's admin port")] = (
        "http://127.0.0.1:9090"
    )
    allowed_hosts: Annotated[
        str,
        Meta(
            description="names, separated by commas, under which browsers may reach the dashboard"
            " beside localhost and --ip; another Host header is refused (DNS rebinding)"
        ),
    ] = ""
