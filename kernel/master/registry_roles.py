"""Decides how it is written down which roles have which weight, floor and ceiling.

One record per role in each of the two collections; what is deleted is as by default. Writing is the
driver's (`Persist`). Source: Mesos, src/master/registry.proto (Weight, QuotaConfig).
"""

from collections.abc import Mapping, Sequence

import msgspec

from kernel.machine import Delete, Persist, Put
from kernel.messages.quota import QuotaConfig

WEIGHTS = "weights"
QUOTAS = "quotas"

_Records = Mapping[str, Mapping[str, bytes]]


def read_weights(records: _Records) -> dict[str, float]:
    return {
        role: msgspec.json.decode(value, type=float)
        for role, value in records.get(WEIGHTS, {}).items()
    }


def put_weights(weights: Mapping[str, float]) -> Persist:
    return Persist(
        tuple(Put(WEIGHTS, role, msgspec.json.encode(weight)) for role, weight in weights.items())
    )


def read_quotas(records: _Records) -> dict[str, QuotaConfig]:
    return {
        role: msgspec.json.decode(value, type=QuotaConfig)
        for role, value in records.get(QUOTAS, {}).items()
    }


def put_quotas(configs: Sequence[QuotaConfig]) -> Persist:
    """All of them or none; one that says nothing is deleted."""
    return Persist(
        tuple(
            Put(QUOTAS, config.role, msgspec.json.encode(config))
            if config.guarantees or config.limits
            else Delete(QUOTAS, config.role)
            for config in configs
        )
    )
