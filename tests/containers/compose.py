"""Reads docker-compose.yml as Docker does, as far as the file goes: merges, and variables left at
their defaults or given.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"

_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}|\$(\$)")


def read(given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole file, with `given` in the place of the environment."""
    chosen = given or {}

    def value(found: re.Match[str]) -> str:
        return "$" if found[3] else chosen.get(found[1], found[2])

    loaded: dict[str, Any] = yaml.safe_load(_VARIABLE.sub(value, FILE.read_text()))
    return loaded


def cluster(profile: str = "zookeeper", given: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What comes up with this profile alone: the services by name."""
    services: dict[str, Any] = read(given)["services"]
    return {
        name: service
        for name, service in services.items()
        if profile in service.get("profiles", [profile])
    }
