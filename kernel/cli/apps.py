"""`tepui app …`: what a person or a script does with apps. Everything goes through marathon's
public `/v2`.
"""

import json
import sys
from pathlib import Path
from typing import Any

import click

from kernel.cli import api, deployments, sandboxes, tables
from kernel.cli.options import FORCE, JSON, NO_WAIT, TIMEOUT, locate, where
from kernel.cli.settings import Where

STREAM = click.option("--stderr", "stream", flag_value="stderr", default=None,
                      help="The error output instead of the output.")  # fmt: skip


@click.group("app")
def apps() -> None:
    """Deploy, look at, scale, restart and remove apps."""


def app_id(text: str) -> str:
    return "/" + text.strip("/")


def url_of(place: Where, name: str) -> str:
    return f"{place.marathon}/v2/apps{api.quote(app_id(name))}"


def read_json(file: str) -> Any:
    raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    try:
        return json.loads(raw.decode())
    except (ValueError, RecursionError) as error:
        raise api.Failure(f"{file} is not JSON: {error}", 2) from error


def _target(place: Where, body: Any, file: str) -> tuple[str, Any]:
    """An app, a list of apps or a group: what the file holds decides where it goes."""
    if isinstance(body, list):
        return f"{place.marathon}/v2/apps?partialUpdate=false", body
    if not isinstance(body, dict) or not isinstance(body.get("id"), str):
        raise api.Failure(
            f"{file} must hold an app, a list of apps or a group, each with an id.", 2
        )
    if "apps" in body or "groups" in body:
        return f"{place.marathon}/v2/groups{api.quote(app_id(body['id']))}", body
    return f"{url_of(place, body['id'])}?partialUpdate=false", body


def _change(
    place: Where, method: str, url: str, body: object, flags: dict[str, Any], done: str
) -> None:
    """Asks for a change, then waits for its deployment unless told not to."""
    if flags["force"]:
        url += "&force=true" if "?" in url else "?force=true"
    watch = None if flags["no_wait"] else deployments.Watch(place.marathon)
    answer = api.request(method, url, body)
    deployment_id = _deployment_id(answer)
    if watch is not None and deployment_id:
        quiet = bool(flags["as_json"])
        deployments.wait(place.marathon, watch, deployment_id, flags["timeout"], quiet=quiet)
    if flags["as_json"]:
        tables.show_json(answer)
    elif watch is None:
        click.echo(f"Deployment {deployment_id} is under way.")
    else:
        click.echo(done)


def _deployment_id(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    listed = answer.get("deployments") or [{}]
    return str(answer.get("deploymentId") or listed[0].get("id", ""))


@apps.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@FORCE
@NO_WAIT
@TIMEOUT
@JSON
@where
def deploy(file: str, **flags: Any) -> None:
    """Make what FILE says true: create the app, or replace it by a rolling upgrade.

    FILE is JSON as marathon takes it: an app, a list of apps, or a group; '-' reads standard input.
    Waits until the deployment is done and shows what it is doing; fails with the reason if it is
    cancelled.
    """
    place = locate(flags)
    url, body = _target(place, read_json(file), file)
    name = body["id"] if isinstance(body, dict) else f"{len(body)} apps"
    _change(place, "PUT", url, body, flags, f"Deployed {name}.")


@apps.command("list")
@JSON
@where
def list_apps(as_json: bool, **flags: Any) -> None:
    """List all apps with their instances and health."""
    place = locate(flags)
    query = "embed=apps.counts&embed=apps.deployments"
    answer = api.request("GET", f"{place.marathon}/v2/apps?{query}")
    if as_json:
        tables.show_json(answer)
        return
    rows = [_row(each) for each in sorted(answer["apps"], key=lambda each: str(each["id"]))]
    heads = ["APP", "RUNNING", "HEALTH", "CPUS", "MEM", "VERSION", "STATE"]
    empty = "No apps yet: `tepui app deploy examples/app-v1.json` starts the first."
    click.echo(tables.table(heads, rows, empty=empty))


def _row(each: dict[str, Any]) -> list[object]:
    running, wanted = each.get("tasksRunning", 0), each["instances"]
    if not each.get("healthChecks"):
        health = "no checks"
    else:
        health = f"{each.get('tasksHealthy', 0)} healthy"
        if each.get("tasksUnhealthy"):
            health += f", {each['tasksUnhealthy']} unhealthy"
    if each.get("deployments"):
        state = "deploying"
    else:
        state = "suspended" if wanted == 0 else "running" if running >= wanted else "waiting"
    mem = tables.mebibytes(each.get("mem", 0))
    return [each["id"], f"{running}/{wanted}", health, float(each.get("cpus", 0)), mem,
            tables.moment(each.get("version")), state]  # fmt: skip


@apps.command()
@click.argument("name", metavar="APP")
@JSON
@where
def show(name: str, as_json: bool, **flags: Any) -> None:
    """Show one app: its instances, its configuration in short, and why it waits if it does."""
    place = locate(flags)
    answer = api.request("GET", url_of(place, name))
    if as_json:
        tables.show_json(answer)
        return
    found = answer["app"]
    running = f"{found.get('tasksRunning', 0)} of {found['instances']} running"
    healthy = f", {found.get('tasksHealthy', 0)} healthy" if found.get("healthChecks") else ""
    click.echo(f"{found['id']}: {running}{healthy}; version {found.get('version')}")
    click.echo(f"  command  {found.get('cmd') or ' '.join(found.get('args') or []) or '-'}")
    click.echo(f"  each     {found.get('cpus', 0):g} CPUs, {tables.mebibytes(found.get('mem', 0))}")
    for sentence in _why(place, name):
        click.echo(f"  waits    {sentence}")
    rows = [_instance(task) for task in found.get("tasks", [])]
    heads = ["INSTANCE", "STATE", "HEALTHY", "WHERE", "STARTED"]
    click.echo(tables.table(heads, rows, empty="No instance."))


def _why(place: Where, name: str) -> list[str]:
    status, raw = api.exchange("GET", f"{place.marathon}/v3/apps{api.quote(app_id(name))}/why")
    return [each["reason"] for each in json.loads(raw).get("waiting", [])] if status == 200 else []


def _instance(task: dict[str, Any]) -> list[object]:
    results = task.get("healthCheckResults")
    healthy = "-" if not results else "yes" if all(each.get("alive") for each in results) else "no"
    ports = ",".join(str(port) for port in task.get("ports", []))
    at = f"{task.get('host')}:{ports}" if ports else task.get("host")
    state = str(task.get("state", "")).removeprefix("TASK_").lower()
    return [task["id"], state, healthy, at, tables.moment(task.get("startedAt"))]


@apps.command()
@click.argument("name", metavar="APP")
@click.argument("instances", type=click.IntRange(0))
@FORCE
@NO_WAIT
@TIMEOUT
@JSON
@where
def scale(name: str, instances: int, **flags: Any) -> None:
    """Run APP with so many INSTANCES; 0 suspends it."""
    place = locate(flags)
    api.request("GET", url_of(place, name))  # PUT would create an app that does not exist
    done = f"{app_id(name)} runs with {instances} instances."
    _change(place, "PUT", url_of(place, name), {"instances": instances}, flags, done)


@apps.command()
@click.argument("name", metavar="APP")
@FORCE
@NO_WAIT
@TIMEOUT
@JSON
@where
def restart(name: str, **flags: Any) -> None:
    """Replace all instances of APP by fresh ones, as gently as an upgrade."""
    place = locate(flags)
    _change(place, "POST", f"{url_of(place, name)}/restart", None, flags,
            f"Restarted {app_id(name)}.")  # fmt: skip


@apps.command()
@click.argument("name", metavar="APP")
@click.option(
    "--to", "version", metavar="VERSION", help="A version of the app.  [default: the last but one]"
)
@NO_WAIT
@TIMEOUT
@JSON
@where
def rollback(name: str, version: str | None, **flags: Any) -> None:
    """Bring back an earlier configuration of APP; takes over from a running deployment."""
    place = locate(flags)
    if version is None:
        listed = api.request("GET", f"{url_of(place, name)}/versions")["versions"]
        earlier = sorted(listed, reverse=True)[1:]
        if not earlier:
            raise api.Failure(f"{app_id(name)} has no earlier version.", api.EXIT_NOT_FOUND)
        version = earlier[0]
    done = f"{app_id(name)} is back at the configuration of {version}."
    _change(place, "PUT", url_of(place, name), {"version": version}, {**flags, "force": True}, done)


@apps.command()
@click.argument("name", metavar="APP")
@click.option("--task", "task_id", metavar="ID", help="Only this instance.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), default=20, show_default=True,
              show_envvar=True, help="How many of the last lines to show.")  # fmt: skip
@STREAM
@where
def logs(
    name: str, task_id: str | None, follow: bool, lines: int, stream: str | None, **flags: Any
) -> None:
    """Show what the instances of APP write."""
    place = locate(flags)
    tasks = api.request("GET", f"{url_of(place, name)}/tasks")["tasks"]
    chosen = [task for task in tasks if task_id in (None, task["id"])]
    if not chosen:
        which = f" {task_id}" if task_id else ""
        raise api.Failure(f"{app_id(name)} has no instance{which} that runs.", api.EXIT_NOT_FOUND)
    found = [sandboxes.find(place.master, task["slaveId"], task["id"]) for task in chosen]
    sandboxes.show(found, stream or "stdout", lines=lines, follow=follow)


@apps.command()
@click.argument("name", metavar="APP")
@NO_WAIT
@TIMEOUT
@JSON
@where
def delete(name: str, **flags: Any) -> None:
    """End all instances of APP and remove it."""
    place = locate(flags)
    _change(
        place,
        "DELETE",
        url_of(place, name),
        None,
        {**flags, "force": True},
        f"Deleted {app_id(name)}.",
    )
