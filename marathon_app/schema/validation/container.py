"""Checks containers and networks: an image where one is needed, volumes that name their source."""

from collections.abc import Iterator

from marathon_app.schema.app import App
from marathon_app.schema.container import Container, ContainerType, Volume
from marathon_app.schema.network import NetworkMode
from marathon_app.schema.problem import Problem


def container_problems(app: App) -> Iterator[Problem]:
    yield from _network_problems(app)
    if app.container is not None:
        yield from _image_problems(app.container)
        for index, volume in enumerate(app.container.volumes):
            yield from _volume_problems(volume, f"/container/volumes({index})")


def _network_problems(app: App) -> Iterator[Problem]:
    modes = [network.mode for network in app.networks]
    if len(modes) > 1 and any(mode is not NetworkMode.CONTAINER for mode in modes):
        text = "may be one host, or one container/bridge, or one or more container networks"
        yield Problem("/networks", f"{text}; these are {', '.join(modes)}")
    for index, network in enumerate(app.networks):
        if network.mode is NetworkMode.CONTAINER and not network.name:
            text = "must name the container network, since there is no default network"
            yield Problem(f"/networks({index})/name", text)
        if network.mode is not NetworkMode.CONTAINER and network.name:
            text = f"must not be given with mode '{network.mode}'"
            yield Problem(f"/networks({index})/name", text)


def _image_problems(container: Container) -> Iterator[Problem]:
    docker = container.docker
    if container.type is ContainerType.DOCKER and docker is None:
        yield Problem("/container/docker", "not defined: a DOCKER container needs an image")
    if docker is None:
        return
    if not docker.image.strip() or any(character.isspace() for character in docker.image):
        yield Problem("/container/docker/image", "must name an image, without spaces")
    if docker.pull_config is not None and container.type is ContainerType.DOCKER:
        text = "pullConfig works with type MESOS only; put credentials into the engine's own config"
        yield Problem("/container/docker/pullConfig", text)


def _volume_problems(volume: Volume, path: str) -> Iterator[Problem]:
    kinds = (volume.host_path, volume.persistent, volume.external, volume.secret)
    if sum(kind is not None for kind in kinds) != 1:
        text = "must have exactly one of hostPath, persistent, external and secret"
        yield Problem(path, text)
    elif not volume.container_path:
        yield Problem(f"{path}/containerPath", "must not be empty")
    elif volume.mode is None and volume.secret is None:
        yield Problem(f"{path}/mode", "must be RW or RO")
    if volume.persistent is not None:
        if volume.persistent.size <= 0:
            yield Problem(f"{path}/persistent/size", "must be greater than 0 (MiB)")
        if volume.container_path and "/" in volume.container_path:
            text = "must be a plain name in the sandbox, without '/'"
            yield Problem(f"{path}/containerPath", text)
