"""The container of an app: its image, port mappings and volumes.

Source: Marathon, docs/docs/native-docker.md, docs/docs/persistent-volumes.md.
"""

from enum import StrEnum

from msgspec import Struct

from marathon_app.schema.field import always
from marathon_app.schema.network import PortMapping


class ContainerType(StrEnum):
    DOCKER = "DOCKER"
    MESOS = "MESOS"


class Parameter(Struct, frozen=True, kw_only=True):
    """One raw flag of `docker run`."""

    key: str
    value: str


class PullConfig(Struct, frozen=True, kw_only=True):
    secret: str


class DockerContainer(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    image: str
    force_pull_image: bool = always(False)
    privileged: bool = always(False)
    parameters: tuple[Parameter, ...] = always(())
    pull_config: PullConfig | None = None


class VolumeMode(StrEnum):
    READ_WRITE = "RW"
    READ_ONLY = "RO"


class PersistentVolumeType(StrEnum):
    ROOT = "root"
    PATH = "path"
    MOUNT = "mount"


class PersistentVolume(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`size` and `maxSize` are in MiB."""

    size: int
    type: PersistentVolumeType = always(PersistentVolumeType.ROOT)
    max_size: int | None = None
    profile_name: str | None = None
    constraints: tuple[tuple[str, ...], ...] = ()


class ExternalVolume(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    provider: str
    name: str | None = None
    size: int | None = None
    options: dict[str, str] = {}
    shared: bool = False


class Volume(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Exactly one of hostPath, persistent, external and secret says what is mounted."""

    container_path: str | None = None
    host_path: str | None = None
    mode: VolumeMode | None = None
    persistent: PersistentVolume | None = None
    external: ExternalVolume | None = None
    secret: str | None = None


class Seccomp(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    profile_name: str | None = None
    unconfined: bool | None = None


class IpcInfo(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    mode: str
    shm_size: int | None = None


class LinuxInfo(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    seccomp: Seccomp | None = None
    ipc_info: IpcInfo | None = None


class Container(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`portMappings` is None in host mode, and a list (maybe empty) in the other modes."""

    type: ContainerType = always(ContainerType.DOCKER)
    docker: DockerContainer | None = None
    volumes: tuple[Volume, ...] = always(())
    port_mappings: tuple[PortMapping, ...] | None = None
    linux_info: LinuxInfo | None = None
