"""`tepui explain`: why a framework gets no offers, where a task is, what an app waits for.

The master explains frameworks, tasks and roles; for an app Marathon says what waits, and the master
why what it needs is not offered to Marathon.
"""

import json
from typing import Any

import click

from kernel.cli import api, tables
from kernel.cli.apps import app_id, url_of
from kernel.cli.options import JSON, locate, where
from kernel.cli.settings import Where

Answer = dict[str, Any]


@click.command()
@click.argument("name")
@click.option("--role", "as_role", is_flag=True, help="NAME is a role.")
@click.option("--cpus", type=click.FloatRange(0), help="What is wanted at least, for a framework.")
@click.option("--mem", type=click.FloatRange(0), help="The same, in MiB.")
@click.option("--disk", type=click.FloatRange(0), help="The same, in MiB.")
@JSON
@where
def explain(
    name: str,
    as_role: bool,
    cpus: float | None,
    mem: float | None,
    disk: float | None,
    as_json: bool,
    **flags: Any,
) -> None:
    """Say why NAME waits: a framework (its id or name), a task, or an app (/its/id).

    The framework of all apps is called marathon, that of all jobs chronos.
    """
    place = locate(flags)
    amounts = {"cpus": cpus, "mem": mem, "disk": disk}
    wanted = {key: amount for key, amount in amounts.items() if amount is not None}
    answer = _role(place, name) if as_role else _any(place, name, wanted)
    if as_json:
        tables.show_json(answer)
        return
    for sentence in answer["sentences"]:
        click.echo(sentence)


def _role(place: Where, name: str) -> Answer:
    return _ask(place, {"role": name})


def _any(place: Where, name: str, wanted: dict[str, float]) -> Answer:
    """Whatever has this name; a slash makes it an app."""
    if name.startswith("/"):
        return _app(place, name)
    framework_id = _framework_id(place, name)
    if framework_id is not None:
        return _framework(place, framework_id, wanted)
    status, found = _exchange(place, {"task_id": {"value": name}})
    if status == 200:
        return dict(found)
    if api.exchange("GET", url_of(place, name))[0] == 200:
        return _app(place, name)
    raise api.Failure(
        f"There is no framework, task or app named {name}. `tepui explain --role {name}` asks for"
        " a role.",
        api.EXIT_NOT_FOUND,
    )


def _framework_id(place: Where, name: str) -> str | None:
    """By id or by name; the living before those that have ended."""
    found = api.request("GET", f"{place.master}/frameworks")
    for each in (*found["frameworks"], *reversed(found["completed_frameworks"])):
        if name in (each["id"], each["name"]):
            return str(each["id"])
    return None


def _framework(place: Where, framework_id: str, wanted: dict[str, float]) -> Answer:
    resources = [
        {"name": name, "type": "SCALAR", "scalar": {"value": amount}}
        for name, amount in wanted.items()
        if amount
    ]
    return _ask(place, {"framework_id": {"value": framework_id}, "resources": resources})


def _app(place: Where, name: str) -> Answer:
    """What waits of it, and what of what it needs is offered."""
    app = api.request("GET", url_of(place, name))["app"]
    running, wanted = app.get("tasksRunning", 0), app.get("instances", 0)
    sentences = [f"App {app_id(name)} runs {running} of its {wanted} instances."]
    reasons = _waiting(place, name)
    sentences += [f"{reason.rstrip('.')}." for reason in reasons]
    answer: Answer = {"sentences": sentences, "facts": {"app": app_id(name), "waiting": reasons}}
    if running >= wanted and not reasons:
        return answer
    framework_id = api.request("GET", f"{place.marathon}/v2/info").get("frameworkId")
    if not framework_id:
        sentences.append("Marathon has no framework id yet: the master has not taken it in.")
        return answer
    needs = {name: float(app.get(name) or 0) for name in ("cpus", "mem", "disk", "gpus")}
    kernel = _framework(place, str(framework_id), needs)
    answer["facts"]["framework"] = kernel["facts"]
    sentences += kernel["sentences"]
    return answer


def _waiting(place: Where, name: str) -> list[str]:
    status, raw = api.exchange("GET", f"{place.marathon}/v3/apps{api.quote(app_id(name))}/why")
    waiting = json.loads(raw).get("waiting", []) if status == 200 else []
    return [str(each["reason"]) for each in waiting]


def _ask(place: Where, what: Answer) -> Answer:
    status, answer = _exchange(place, what)
    if status != 200:
        raise api.failure(status, json.dumps(answer).encode())
    return dict(answer)


def _exchange(place: Where, what: Answer) -> tuple[int, Any]:
    """The answer, or the text of a refusal."""
    call = {"type": "EXPLAIN", "explain": what}
    status, raw = api.exchange("POST", f"{place.master}/api/v1", call)
    if status != 200:
        return status, raw.decode(errors="replace")
    return status, json.loads(raw)["explain"]
