"""Floors and ceilings of roles as Mesos's v1 API writes them, in both of its generations.

Source: Mesos, include/mesos/v1/quota/quota.proto.
"""

from kernel.messages.v1 import Resource, ScalarValue, Wire


class QuotaConfig(Wire, frozen=True):
    """By name of a resource; what is not named has no guarantee and no limit."""

    role: str
    guarantees: dict[str, ScalarValue] = {}
    limits: dict[str, ScalarValue] = {}


class QuotaRequest(Wire, frozen=True):
    """Of SET_QUOTA and `POST /quota`, which Mesos has deprecated: a guarantee that is also the
    limit."""

    force: bool | None = None
    role: str | None = None
    guarantee: list[Resource] = []


class QuotaInfo(Wire, frozen=True):
    """A guarantee as the deprecated answers show it."""

    role: str | None = None
    principal: str | None = None
    guarantee: list[Resource] = []


class QuotaStatus(Wire, frozen=True):
    infos: list[QuotaInfo] = []
    configs: list[QuotaConfig] = []
