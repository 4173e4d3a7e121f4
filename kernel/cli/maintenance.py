"""`tepui maintenance`: when machines are to be away, which go down, and which come back.

The schedule is the master's, and replaced as a whole; what is changed here is put into what is
there. Source: Mesos, docs/maintenance.md.
"""

import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

import click

from kernel.cli import api, tables
from kernel.cli.agents import machine_name
from kernel.cli.options import JSON, locate, where
from kernel.cli.settings import Where
from kernel.model.durations import DurationMalformed, parse_duration_ms

NS_PER_MS = 1_000_000

MACHINES = click.argument("machines", metavar="MACHINE...", nargs=-1, required=True)


@click.group()
def maintenance() -> None:
    """Plan when machines are away, take them down and bring them up.

    A MACHINE is a host's name or its address.
    """


@maintenance.command("show")
@JSON
@where
def show(as_json: bool, **flags: Any) -> None:
    """Show what is planned, what is down, and what frameworks say to it."""
    place = locate(flags)
    schedule = api.request("GET", f"{place.master}/maintenance/schedule")
    status = api.request("GET", f"{place.master}/maintenance/status")
    if as_json:
        tables.show_json({"schedule": schedule, "status": status})
        return
    down = [machine_name(machine) for machine in status.get("down_machines", [])]
    answers = {
        machine_name(each["id"]): each.get("statuses", [])
        for each in status.get("draining_machines", [])
    }
    rows = [
        _row(machine_name(machine), window["unavailability"], down, answers)
        for window in schedule.get("windows", [])
        for machine in window["machine_ids"]
    ]
    heads = ["MACHINE", "STATE", "AWAY FROM", "FOR", "ANSWERS"]
    click.echo(tables.table(heads, rows, empty="No maintenance is planned."))


def _row(
    name: str, away: dict[str, Any], down: Sequence[str], answers: dict[str, list[dict[str, Any]]]
) -> list[object]:
    duration = away.get("duration", {}).get("nanoseconds")
    said = [str(each["status"]).lower() for each in answers.get(name, [])]
    counts = ", ".join(f"{said.count(word)} {word}" for word in dict.fromkeys(said))
    return [
        name,
        "down" if name in down else "draining",
        tables.instant(away["start"]["nanoseconds"]),
        tables.span(duration / 1e9) if duration is not None else "ever",
        counts or None,
    ]


@maintenance.command("plan")
@MACHINES
@click.option("--in", "after", metavar="1h", default="0s", help="How long until they are away.")
@click.option("--for", "lasting", metavar="2h", help="How long they are away.  [default: for ever]")
@JSON
@where
def plan(
    machines: tuple[str, ...], after: str, lasting: str | None, as_json: bool, **flags: Any
) -> None:
    """Say when machines are to be away: their offers tell it, and frameworks are asked to leave."""
    place = locate(flags)
    start = time.time_ns() + _ns("--in", after)
    away: dict[str, Any] = {"start": {"nanoseconds": start}}
    if lasting is not None:
        away["duration"] = {"nanoseconds": _ns("--for", lasting)}
    windows = _without(place, machines)
    windows.append({"machine_ids": [_machine(name) for name in machines], "unavailability": away})
    api.request("POST", f"{place.master}/maintenance/schedule", {"windows": windows})
    words = f"{_names(machines)} to be away from {tables.instant(start)}."
    _say(as_json, machines, "draining", words)


@maintenance.command("cancel")
@MACHINES
@JSON
@where
def cancel(machines: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Take machines out of the plan."""
    place = locate(flags)
    windows = _without(place, machines)
    api.request("POST", f"{place.master}/maintenance/schedule", {"windows": windows})
    _say(as_json, machines, "up", f"{_names(machines)} not to be away any more.")


@maintenance.command("start")
@MACHINES
@JSON
@where
def start(machines: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Take planned machines down: their agents end, with all tasks, and none may come."""
    place = locate(flags)
    _turn(place, "down", machines)
    _say(as_json, machines, "down", f"{_names(machines)} down.")


@maintenance.command("stop")
@MACHINES
@JSON
@where
def stop(machines: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Bring machines up that were down: their agents may come, and the plan forgets them."""
    place = locate(flags)
    _turn(place, "up", machines)
    _say(as_json, machines, "up", f"{_names(machines)} up.")


def _turn(place: Where, which: str, machines: Sequence[str]) -> None:
    """Under the names that the plan has for them."""
    planned = [
        machine
        for window in _windows(place)
        for machine in window["machine_ids"]
        if _is_named(machine, machines)
    ]
    unplanned = [name for name in machines if not any(_is_named(m, [name]) for m in planned)]
    asked = planned + [_machine(name) for name in unplanned]
    api.request("POST", f"{place.master}/machine/{which}", asked)


def _windows(place: Where) -> list[dict[str, Any]]:
    windows: list[dict[str, Any]] = api.request("GET", f"{place.master}/maintenance/schedule").get(
        "windows", []
    )
    return windows


def _without(place: Where, machines: Sequence[str]) -> list[dict[str, Any]]:
    left = []
    for window in _windows(place):
        others = [m for m in window["machine_ids"] if not _is_named(m, machines)]
        if others:
            left.append({**window, "machine_ids": others})
    return left


def _is_named(machine: dict[str, Any], names: Sequence[str]) -> bool:
    known = {str(machine.get("hostname", "")).lower(), str(machine.get("ip", ""))}
    return any(name.lower() in known for name in names)


def _machine(name: str) -> dict[str, str]:
    try:
        return {"ip": str(ip_address(name))}
    except ValueError:
        return {"hostname": name}


def _ns(flag: str, text: str) -> int:
    try:
        return parse_duration_ms(text) * NS_PER_MS
    except DurationMalformed as error:
        raise click.BadParameter(str(error), param_hint=flag) from None


def _names(machines: Sequence[str]) -> str:
    return f"{', '.join(machines)} {'is' if len(machines) == 1 else 'are'}"


def _say(as_json: bool, machines: Sequence[str], state: str, words: str) -> None:
    if as_json:
        tables.show_json({"machines": list(machines), "state": state})
    else:
        click.echo(words)
