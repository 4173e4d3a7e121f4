"""`tepui agents`, `drain`, `deactivate`, `reactivate`: which agents there are, and which are in
service.

What is asked for is done by the master's operator API; how a machine's absence is planned is
`maintenance`'s.
"""

import time
from typing import Any

import click

from kernel.cli import api, tables
from kernel.cli.options import JSON, locate, where
from kernel.cli.settings import Where
from kernel.model.durations import DurationMalformed, parse_duration_ms

POLL_S = 0.3  # there is no event for the end of a drain

AGENT = click.argument("agent", metavar="AGENT")


@click.command()
@JSON
@where
def agents(as_json: bool, **flags: Any) -> None:
    """List the agents: what they have, what of it is in use, whether they are in service."""
    place = locate(flags)
    found = slaves(place)
    if as_json:
        tables.show_json(found)
        return
    down = api.request("GET", f"{place.master}/maintenance/status").get("down_machines", [])
    schedule = api.request("GET", f"{place.master}/maintenance/schedule")
    rows = [_row(each, schedule) for each in sorted(found, key=lambda each: str(each.get("id")))]
    heads = ["AGENT", "HOST", "STATE", "AWAY FROM", "CPUS USED", "OF", "MEM USED", "OF"]
    click.echo(tables.table(heads, rows, empty="No agent is registered with the master."))
    for machine in down:
        click.echo(f"{machine_name(machine)} is down for maintenance.")


def slaves(place: Where) -> list[dict[str, Any]]:
    """The agents as the master shows them."""
    found: list[dict[str, Any]] = api.request("GET", f"{place.master}/slaves")["slaves"]
    return found


def machine_name(machine: dict[str, Any]) -> str:
    return " ".join(str(machine[key]) for key in ("hostname", "ip") if machine.get(key))


def _row(each: dict[str, Any], schedule: dict[str, Any]) -> list[object]:
    used, total = each.get("used_resources", {}), each.get("resources", {})
    place = str(each.get("pid", "")).partition("@")[2] or each.get("hostname")
    cpus = [float(amount.get("cpus", 0)) for amount in (used, total)]
    mem = [tables.mebibytes(amount.get("mem", 0)) for amount in (used, total)]
    away = tables.instant(_away_ns(each, schedule))
    return [each.get("id"), place, state_of(each), away, cpus[0], cpus[1], mem[0], mem[1]]


def state_of(each: dict[str, Any]) -> str:
    """In one word: what it is for those who wait for offers of it."""
    drain = each.get("drain_info", {}).get("state", "")
    if drain:
        return str(drain).lower()
    if each.get("deactivated"):
        return "deactivated"
    return "active" if each.get("active", True) else "disconnected"


def _away_ns(each: dict[str, Any], schedule: dict[str, Any]) -> int | None:
    """When its machine is planned to be away, as far as its name and address tell."""
    names = {str(each.get("hostname")).lower(), str(each.get("pid")).partition("@")[2]}
    names |= {name.rpartition(":")[0] for name in names}
    starts = [
        int(window["unavailability"]["start"]["nanoseconds"])
        for window in schedule.get("windows", [])
        for machine in window.get("machine_ids", [])
        if {str(machine.get("hostname", "")).lower(), machine.get("ip", "")} & names
    ]
    return min(starts, default=None)


# --- in service or not ---------------------------------------------------------------------


@click.command()
@AGENT
@click.option("--grace", metavar="30s", help="The longest that a task may take to end.")
@click.option("--gone", is_flag=True, help="It will never come back: it ends when it is empty.")
@click.option("--wait", is_flag=True, help="Return when it is empty.")
@JSON
@where
def drain(
    agent: str, grace: str | None, gone: bool, wait: bool, as_json: bool, **flags: Any
) -> None:
    """End an agent's tasks and offer nothing more of it, until `tepui reactivate`.

    AGENT is its id, the end of it (S0), or its host if it has one agent only.
    """
    place = locate(flags)
    agent_id = named(place, agent)
    asked: dict[str, Any] = {"mark_gone": gone}
    if grace is not None:
        asked["max_grace_period"] = _duration(grace)
    _operate(place, "DRAIN_AGENT", agent_id, **asked)
    state = _wait(place, agent_id) if wait else _state(place, agent_id)
    words = {"gone": "is empty and gone", "drained": "is drained"}.get(state, "is draining")
    _say(as_json, agent_id, state, f"Agent {agent_id} {words}.")


@click.command()
@AGENT
@JSON
@where
def deactivate(agent: str, as_json: bool, **flags: Any) -> None:
    """Offer nothing more of an agent; its tasks go on."""
    place = locate(flags)
    agent_id = named(place, agent)
    _operate(place, "DEACTIVATE_AGENT", agent_id)
    words = f"Nothing is offered of agent {agent_id} until `tepui reactivate {agent}`."
    _say(as_json, agent_id, _state(place, agent_id), words)


@click.command()
@AGENT
@JSON
@where
def reactivate(agent: str, as_json: bool, **flags: Any) -> None:
    """Offer an agent again that was drained or deactivated."""
    place = locate(flags)
    agent_id = named(place, agent)
    _operate(place, "REACTIVATE_AGENT", agent_id)
    words = f"Agent {agent_id} is offered again."
    _say(as_json, agent_id, _state(place, agent_id), words)


def named(place: Where, name: str) -> str:
    """The id of the agent that people call so; what nobody here is called may be an id from of
    old, which the master knows."""
    found = slaves(place)
    ids = [str(each["id"]) for each in found]
    if name in ids:
        return name
    meant = [i for i in ids if i.endswith(f"-{name}")]
    meant = meant or [
        str(each["id"])
        for each in found
        if name in (each.get("hostname"), str(each.get("pid")).partition("@")[2])
    ]
    if len(meant) > 1:
        raise api.Failure(f"{name} has several agents: {', '.join(meant)}. Say which.", 2)
    if not meant and "-" not in name:
        known = ", ".join(ids) or "none"
        message = f"There is no agent {name}. Registered are: {known}."
        raise api.Failure(message, api.EXIT_NOT_FOUND)
    return meant[0] if meant else name


def _operate(place: Where, type_: str, agent_id: str, **more: Any) -> None:
    call = {"type": type_, type_.lower(): {"agent_id": {"value": agent_id}, **more}}
    status, raw = api.exchange("POST", f"{place.master}/api/v1", call)
    if status == 400 and raw == b"Unknown agent":
        raise api.Failure(f"The master knows no agent {agent_id}.", api.EXIT_NOT_FOUND)
    if status >= 400:
        raise api.failure(status, raw)


def _state(place: Where, agent_id: str) -> str:
    known = next((each for each in slaves(place) if each["id"] == agent_id), None)
    return state_of(known) if known is not None else "gone"


def _wait(place: Where, agent_id: str) -> str:
    while (state := _state(place, agent_id)) == "draining":
        time.sleep(POLL_S)
    return state


def _duration(text: str) -> dict[str, int]:
    try:
        ms = parse_duration_ms(text)
    except DurationMalformed as error:
        raise click.BadParameter(str(error), param_hint="--grace") from None
    return {"seconds": ms // 1000, "nanos": ms % 1000 * 1_000_000}


def _say(as_json: bool, agent_id: str, state: str, words: str) -> None:
    if as_json:
        tables.show_json({"agent": agent_id, "state": state})
    else:
        click.echo(words)
