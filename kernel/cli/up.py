"""`tepui up`: from flags to a layout, and what is printed.

Keeping the processes alive is the supervisor's, which processes there are the layout's.
"""

import contextlib
import datetime
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
from click.core import ParameterSource

from kernel.cli import processes, state
from kernel.cli.layout import (
    AGENTS_MAX,
    Addresses,
    Options,
    Ports,
    addresses,
    children,
    clash,
    has_lb,
    ports_from,
)
from kernel.cli.preflight import (
    claim,
    ending,
    find_haproxy,
    parse_range,
    refuse_taken_ports,
    short,
    usable_cpus,
)
from kernel.cli.settings import DIRECTORY
from kernel.cli.supervisor import NotReady, Supervisor
from kernel.store.urls import has_password

EXIT_FAILED = 1
PARTS = ("marathon", "chronos", "lb", "web", "deliveries")
NO_HAPROXY = (
    "HAProxy is not installed, so the load balancer is not started: install it "
    "(Debian, Ubuntu: apt-get install haproxy; macOS: brew install haproxy) and start again."
)


def _port(flag: str, meaning: str, default: int) -> Callable[[Any], Any]:
    name = f"--{flag}-port"
    text = f"{meaning}.  [default: {default}]"
    return click.option(name, type=click.IntRange(1, 65535), help=text, show_envvar=True)


def _range(flag: str, meaning: str, default: str) -> Callable[[Any], Any]:
    return click.option(f"--{flag}", help=f"{meaning}.  [default: {default}]", show_envvar=True)


@click.command()
@DIRECTORY
@click.option(
    "--agents",
    type=click.IntRange(1, AGENTS_MAX),
    default=1,
    show_default=True,
    show_envvar=True,
    help="How many agents to run on this machine.",
)
@click.option(
    "--cpus",
    type=click.FloatRange(0.01),
    show_envvar=True,
    help="CPUs that each agent offers.  [default: its share of the machine]",
)
@click.option(
    "--mem",
    type=click.IntRange(1),
    show_envvar=True,
    help="Memory in MiB that each agent offers.  [default: its share of the machine]",
)
@click.option(
    "--attributes",
    default="",
    show_envvar=True,
    help="Attributes of every agent, as Mesos writes them: 'rack:a;disk:ssd'.",
)
@click.option(
    "--ports-from",
    type=click.IntRange(1024, 64536),
    show_envvar=True,
    help="Move every port into N … N+999: N master, +1 marathon, +2 chronos, +3 web, "
    "+4 lb admin, +5 lb HTTP, +10… agents, +100… service ports, +300… task ports.",
)
@_port("master", "Port of the master", Ports().master)
@_port("agent", "Port of the first agent; the others follow it", Ports().agent)
@_port("marathon", "Port of marathon", Ports().marathon)
@_port("chronos", "Port of chronos", Ports().chronos)
@_port("web", "Port of the dashboard", Ports().web)
@_port("lb-http", "Port on which the load balancer serves apps by host name", Ports().lb_http)
@_port("lb-admin", "Port of the load balancer's own interface", Ports().lb_admin)
@_range("service-ports", "Range of the service ports that marathon gives to apps", "10000-20000")
@_range(
    "task-ports", "Range of the ports that tasks get, shared out among the agents", "31000-32000"
)
@click.option(
    "--haproxy",
    type=click.Path(dir_okay=False),
    show_envvar=True,
    help="The haproxy program.  [default: the one on the PATH]",
)
@click.option(
    "--smtp",
    default="",
    show_envvar=True,
    help="Mail server for job notifications: smtp://user:password@host:587.",
)
@click.option(
    "--broker",
    default="",
    show_envvar=True,
    help="Broker of the deliveries: redis://host:6379/0.  [default: files in --dir]",
)
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(PARTS),
    help="Do not start this part; may be given several times.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1),
    default=60,
    show_default=True,
    show_envvar=True,
    help="Seconds that everything has to come up.",
)
@click.option("--detach", is_flag=True, help="Return once everything is ready and let it run on.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one line of JSON with all addresses and process ids once all is ready.",
)
def up(**flags: Any) -> None:
    """Start a whole cluster on this machine and keep it running.

    Starts master, agents, marathon, chronos, load balancer, dashboard and deliveries, waits until
    each answers, prints the addresses, and starts again whatever dies. Ctrl-C ends everything
    within ten seconds; the next start in the same directory comes back with every app, job, version
    and history.

    \b
    Exit codes: 0 ended as asked, 1 something did not come up, 2 a flag is wrong or a port is taken,
    5 something already runs in this directory.
    """
    options = read_options(flags)
    directory = Path(options.directory)
    lacks_haproxy = options.haproxy is None and "lb" not in options.without
    if flags["detach"]:
        if lacks_haproxy:
            click.echo(NO_HAPROXY, err=True)
        _detach(directory, as_json=flags["as_json"], timeout_s=flags["timeout"])
        return
    report = _reporter(flags["as_json"])
    lock = state.Lock(directory)
    claim(lock, directory)
    refuse_taken_ports(options, directory)
    if lacks_haproxy:
        report(f"  {NO_HAPROXY}")
    _run(options, report, as_json=flags["as_json"], timeout_s=flags["timeout"])
    lock.release()


def _run(
    options: Options, report: Callable[[str], None], *, as_json: bool, timeout_s: float
) -> None:
    began = time.monotonic()
    directory, all_children = Path(options.directory), children(options)
    supervisor = Supervisor(directory, all_children, report)
    supervisor.listen()
    may_leave = tuple(
        each for each in all_children if each.name.partition("-")[0] in ("agent", "lb")
    )
    started_at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    me, where = os.getpid(), addresses(options)
    known = state.Up(
        me, state.born(me), where, may_leave, without=options.without, started_at=started_at
    )
    state.write_up(directory, known)
    report(f"Starting {len(all_children)} processes in {short(directory)}")
    try:
        supervisor.start(timeout_s)
        if not supervisor.is_stopping:
            state.write_up(directory, msgspec.structs.replace(known, ready=True))
            took_s = time.monotonic() - began
            words = ready_line(where, supervisor.pids) if as_json else welcome(options, took_s)
            with contextlib.suppress(BrokenPipeError):
                click.echo(words)
                sys.stdout.flush()
            supervisor.watch()
    except (NotReady, OSError) as error:
        supervisor.stop()
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_FAILED)
    report("Stopping everything")
    supervisor.stop()
    report("All ended; `tepui up` in the same directory brings it back")


def read_options(flags: dict[str, Any]) -> Options:
    """From flags to options; a flag that makes no sense ends in a usage error that names it."""
    ports = ports_from(flags["ports_from"]) if flags["ports_from"] else Ports()
    given = {
        name: flags[f"{name}_port"] for name in ("master", "agent", "marathon", "chronos", "web")
    }
    given |= {"lb_http": flags["lb_http_port"], "lb_admin": flags["lb_admin_port"]}
    for name in ("service", "task"):
        if flags[f"{name}_ports"]:
            first, last = parse_range(flags[f"{name}_ports"], f"--{name}-ports")
            given |= {f"{name}_min": first, f"{name}_max": last}
    chosen = {name: value for name, value in given.items() if value is not None}
    mem_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    options = Options(
        directory=str(Path(flags["directory"]).absolute()),
        ports=msgspec.structs.replace(ports, **chosen),
        agents=flags["agents"],
        cpus=flags["cpus"],
        mem_mib=flags["mem"],
        machine_cpus=len(usable_cpus()),
        machine_mem_mib=mem_bytes // (1024 * 1024),
        attributes=flags["attributes"],
        smtp=flags["smtp"],
        broker=flags["broker"],
        haproxy=find_haproxy(flags["haproxy"]),
        without=tuple(flags["without"]),
    )
    sentence = clash(options) or _said_aloud(flags)
    if sentence is not None:
        raise click.UsageError(sentence)
    if ports.task_max - ports.task_min + 1 < options.agents:
        raise click.UsageError("--task-ports must hold at least one port for each agent.")
    return options


def _said_aloud(flags: Mapping[str, Any]) -> str | None:
    """The sentence about a password on the command line, if there is one."""
    source = click.get_current_context().get_parameter_source
    for name in ("smtp", "broker"):
        if has_password(flags[name] or "") and source(name) is ParameterSource.COMMANDLINE:
            return (
                f"--{name}: whoever is on this machine can read a password on the command line;"
                f" put it into the environment variable TEPUI_UP_{name.upper()} or into tepui.toml."
            )
    return None


def _reporter(as_json: bool) -> Callable[[str], None]:
    def report(line: str) -> None:
        with contextlib.suppress(OSError):  # nobody reads any more, or the disk of the log is full
            click.echo(line, err=as_json)

    return report


def ready_line(where: Addresses, pids: dict[str, int]) -> str:
    return msgspec.json.encode({**msgspec.to_builtins(where), "pids": pids}).decode()


def welcome(options: Options, took_s: float) -> str:
    where, ports = addresses(options), options.ports
    rows = [("dashboard", where.web), ("marathon", where.marathon), ("chronos", where.chronos)]
    rows.append(("master", where.master))
    rows.append(("agents", ", ".join(where.agents)))
    if has_lb(options):
        assert where.lb is not None
        service = f"service ports {ports.service_min}-{ports.service_max}"
        rows.append(("apps", f"{where.lb['http']} by host name, {service}"))
    rows.append(("state, logs", short(Path(options.directory))))
    shown = [row for row in rows if row[0] not in options.without]
    lines = [f"Tepui is up after {took_s:.1f} s. Ctrl-C ends everything."]
    lines += [f"  {name:<12} {value}" for name, value in shown]
    return "\n".join(lines)


def _detach(directory: Path, *, as_json: bool, timeout_s: float) -> None:
    """Runs the same command in a session of its own and waits for its word."""
    arguments = [word for word in sys.argv[1:] if word not in ("--detach", "--json")]
    log = directory / "logs" / "up.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kernel.cli", *arguments, "--json"],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    deadline = time.monotonic() + timeout_s + 15
    while process.poll() is None and time.monotonic() < deadline:
        known = state.read_up(directory)
        if known is not None and known.pid == process.pid and known.ready:
            click.echo(ready_line(known.addresses, state.read_children(directory))
                       if as_json else _running_words(known, directory))  # fmt: skip
            return
        time.sleep(0.05)
    click.echo(processes.tail(log), err=True)
    sys.exit(process.returncode or EXIT_FAILED)


def _running_words(known: state.Up, directory: Path) -> str:
    where = known.addresses
    first = where.web if "web" in state.read_children(directory) else where.master
    return f"Tepui runs in the background (pid {known.pid}): {first}. {ending(directory)} ends it."
