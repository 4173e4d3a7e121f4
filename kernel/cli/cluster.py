"""`tepui status`: the cluster at a glance."""

import json
from typing import Any

import click

from kernel.cli import api, state, tables
from kernel.cli.options import JSON, locate, where
from kernel.cli.settings import Where


@click.command()
@JSON
@where
def status(as_json: bool, **flags: Any) -> None:
    """Show whether each part answers, and what runs. Exit code 3 when one does not."""
    place = locate(flags)
    parts = {name: _answers(url) for name, url in parts_of(place).items()}
    counts = _counts(place)
    if as_json:
        tables.show_json({"parts": parts, **counts})
    else:
        rows = [[name, api.without_secret(url), "answers" if parts[name] else "does not answer"]
                for name, url in parts_of(place).items()]  # fmt: skip
        click.echo(tables.table(["PART", "ADDRESS", "STATE"], rows, empty=""))
        known = [(name, count) for name, count in counts.items() if count is not None]
        click.echo(", ".join(_counted(name, count) for name, count in known))
    if not all(parts.values()):
        raise SystemExit(api.EXIT_UNREACHABLE)


def _counted(plural: str, count: int) -> str:
    return f"{count} {plural.removesuffix('s') if count == 1 else plural}"


def parts_of(place: Where) -> dict[str, str]:
    parts = {"master": place.master, "marathon": place.marathon, "chronos": place.chronos}
    up = state.read_up(place.directory)
    if up is not None:
        parts["web"] = up.addresses.web
        parts |= {f"agent {n + 1}": url for n, url in enumerate(up.addresses.agents)}
        if up.addresses.lb is not None:
            parts["lb"] = up.addresses.lb["admin"]
        parts = {name: url for name, url in parts.items() if name not in up.without}
    return parts


def _answers(url: str) -> bool:
    try:
        return api.exchange("GET", f"{url}/health", timeout_s=3)[0] == 200
    except api.Failure:
        return False


def _counts(place: Where) -> dict[str, int | None]:
    return {
        "agents": _count(f"{place.master}/slaves", "slaves"),
        "apps": _count(f"{place.marathon}/v2/apps", "apps"),
        "deployments": _count(f"{place.marathon}/v2/deployments", None),
        "jobs": _count(f"{place.chronos}/v1/scheduler/jobs", None),
    }


def _count(url: str, key: str | None) -> int | None:
    """None where it cannot be told."""
    try:
        status_code, raw = api.exchange("GET", url, timeout_s=3)
        found = json.loads(raw or b"[]")
        return len(found if key is None else found[key]) if status_code == 200 else None
    except (api.Failure, ValueError, KeyError, TypeError):
        return None
