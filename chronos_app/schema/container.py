"""Checks the `container` of a job; kept as it was written, so that a listing gives it back.

How it becomes Mesos's ContainerInfo is the core's `launch`. A container without an image is
ignored, as Chronos did. Source: Chronos, JobDeserializer.scala and docs (container).
"""

from typing import Any

from chronos_app.schema.reading import Body, as_text, choice, count, flag, objects, text
from chronos_app.schema.refusal import Refused

TYPES = ("DOCKER", "MESOS")
NETWORKS = ("HOST", "BRIDGE", "USER", "NONE")
MODES = ("RW", "RO")


def read_container(body: Body) -> dict[str, Any] | None:
    """The container as written, once it is known to make sense."""
    value = body.get("container")
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused("container", 'must be an object such as {"type": "DOCKER", "image": …}')
    if not as_text(value.get("image"), "container.image"):
        return None
    choice(text(value, "type", "DOCKER").upper(), "container.type", TYPES)
    choice(text(value, "network", "HOST").upper(), "container.network", NETWORKS)
    text(value, "networkName")
    flag(value, "forcePullImage")
    for path, volume in _nested(value, "volumes"):
        _check_volume(path, volume)
    for path, parameter in _nested(value, "parameters"):
        if not text(parameter, "key"):
            raise Refused(f"{path}.key", "is missing")
        text(parameter, "value")
    for path, network in _nested(value, "networkInfos"):
        text(network, "name")
        for port_path, mapping in objects(network, "portMappings"):
            for field in ("containerPort", "hostPort"):
                if count(mapping, field) > 65_535:
                    raise Refused(f"{path}.{port_path}.{field}", "is no port (0 to 65535)")
    return dict(value)


def _nested(container: Body, field: str) -> list[tuple[str, Body]]:
    try:
        return [(f"container.{path}", item) for path, item in objects(container, field)]
    except Refused as refused:
        wrong = refused.refusal
        raise Refused(f"container.{wrong.field}", wrong.message) from None


def _check_volume(path: str, volume: Body) -> None:
    if not as_text(volume.get("containerPath"), f"{path}.containerPath"):
        raise Refused(f"{path}.containerPath", "is missing")
    as_text(volume.get("hostPath"), f"{path}.hostPath")
    choice(as_text(volume.get("mode"), f"{path}.mode", "RW").upper(), f"{path}.mode", MODES)
    external = volume.get("external")
    if external is not None and not isinstance(external, dict):
        raise Refused(f"{path}.external", "must be an object")
