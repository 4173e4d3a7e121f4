"""Decides which processes make up a cluster on this machine, on which ports and with which flags.

Pure: from the options of `tepui up` to a list of children. Starting them is the supervisor's.

`--ports-from N` moves everything into N … N+999: N master, N+1 marathon, N+2 chronos, N+3 web,
N+4 load balancer's admin, N+5 its HTTP port, N+10 … N+49 agents, N+100 … N+299 service ports,
N+300 … N+999 ports that tasks get.
"""

import shlex

from msgspec import Struct
from msgspec.structs import replace

from kernel.store.urls import has_password

AGENTS_MAX = 40


class Ports(Struct, frozen=True):
    """Every port of a cluster. Ranges are inclusive."""

    master: int = 5050
    agent: int = 5051  # of the first agent; the others follow
    marathon: int = 8080
    chronos: int = 4400
    web: int = 8000
    lb_http: int = 9080
    lb_admin: int = 9090
    service_min: int = 10000
    service_max: int = 20000
    task_min: int = 31000  # Mesos: the default resource ports:[31000-32000]
    task_max: int = 32000


def ports_from(first: int) -> Ports:
    """All ports in one range of a thousand, so that several clusters fit on one machine."""
    return Ports(
        master=first,
        marathon=first + 1,
        chronos=first + 2,
        web=first + 3,
        lb_admin=first + 4,
        lb_http=first + 5,
        agent=first + 10,
        service_min=first + 100,
        service_max=first + 299,
        task_min=first + 300,
        task_max=first + 999,
    )


class Options(Struct, frozen=True):
    """What `tepui up` was asked for, checked and complete."""

    directory: str  # absolute
    ports: Ports
    ip: str = "127.0.0.1"
    agents: int = 1
    cpus: float | None = None  # per agent; none: its share of what the machine has
    mem_mib: int | None = None
    machine_cpus: float = 1
    machine_mem_mib: int = 1024
    attributes: str = ""
    smtp: str = ""
    broker: str = ""  # a redis:// address, or none for files in the directory
    haproxy: str | None = None  # path; none: the load balancer cannot run
    without: tuple[str, ...] = ()


class Child(Struct, frozen=True):
    """One process to keep alive."""

    name: str
    arguments: tuple[str, ...]  # of the Python interpreter
    directory: str
    health: str | None = None  # asked over HTTP until it answers 200
    ready_file: str | None = None  # or: a file that is there when it is ready
    secrets: tuple[tuple[str, str], ...] = ()  # environment variables: what `ps` must not show


class Addresses(Struct, frozen=True, omit_defaults=False):
    """Where everything is; the shape that `tepui up --json` prints."""

    master: str
    agents: tuple[str, ...]
    marathon: str
    chronos: str
    web: str
    lb: dict[str, str] | None


def addresses(options: Options) -> Addresses:
    ports = options.ports

    def url(port: int) -> str:
        return f"http://{options.ip}:{port}"

    lb = {"http": url(ports.lb_http), "admin": url(ports.lb_admin)}
    return Addresses(
        master=url(ports.master),
        agents=tuple(url(ports.agent + n) for n in range(options.agents)),
        marathon=url(ports.marathon),
        chronos=url(ports.chronos),
        web=url(ports.web),
        lb=lb if has_lb(options) else None,
    )


def has_lb(options: Options) -> bool:
    return options.haproxy is not None and "lb" not in options.without


def flagged_ports(options: Options) -> list[tuple[str, int]]:
    """Each port that a process of ours listens on, with the flag of `tepui up` that moves it."""
    ports = options.ports
    flags = [("--master-port", ports.master)]
    flags += [("--agent-port", ports.agent + n) for n in range(options.agents)]
    flags += [("--marathon-port", ports.marathon), ("--chronos-port", ports.chronos)]
    if has_lb(options):
        flags += [("--lb-http-port", ports.lb_http), ("--lb-admin-port", ports.lb_admin)]
    flags.append(("--web-port", ports.web))
    return flags


def clash(options: Options) -> str | None:
    """The sentence about two flags that ask for the same port, if there are two."""
    seen: dict[int, str] = {}
    for flag, port in flagged_ports(options):
        if port in seen:
            return f"Port {port} is asked for by both {seen[port]} and {flag}: change one of them."
        seen[port] = flag
    return None


def task_ports(options: Options, index: int) -> str:
    """The ports that one agent may give to its tasks; agents on one machine share the range out."""
    ports = options.ports
    share = (ports.task_max - ports.task_min + 1) // options.agents
    first = ports.task_min + index * share
    last = ports.task_max if index == options.agents - 1 else first + share - 1
    return f"{first}-{last}"


def resources(options: Options) -> str:
    """What one agent offers; several on one machine each offer their share, so nothing is offered
    twice.
    """
    cpus = options.cpus if options.cpus is not None else options.machine_cpus / options.agents
    mem = options.mem_mib
    if mem is None:  # Mesos leaves 1 GiB, or half of a small machine, to the system
        spare = min(1024, options.machine_mem_mib // 2)
        mem = (options.machine_mem_mib - spare) // options.agents
    return f"cpus:{cpus:g};mem:{mem}"


def children(options: Options) -> list[Child]:
    """Every process, in the order in which they are started."""
    every = [_master(options)]
    every += [_agent(options, index) for index in range(options.agents)]
    every += [_marathon(options), _chronos(options)]
    if has_lb(options):
        every.append(_lb(options))
    every += [_web(options), _deliveries(options)]
    return [_discreet(child) for child in every if _kind(child.name) not in options.without]


def _discreet(child: Child) -> Child:
    """Flags whose value has a password go by the environment, which only the user can read."""
    shown: list[str] = []
    secrets: list[tuple[str, str]] = []
    for word in child.arguments:
        if has_password(word):
            name = shown.pop().removeprefix("--").replace("-", "_")
            secrets.append((f"TEPUI_{_kind(child.name)}_{name}".upper(), word))
        else:
            shown.append(word)
    return replace(child, arguments=tuple(shown), secrets=tuple(secrets))


def _kind(name: str) -> str:
    return name.partition("-")[0]


def _child(options: Options, name: str, module: str, port: int, *more: str) -> Child:
    directory = f"{options.directory}/{name}"
    listen = ("--ip", options.ip, "--port", str(port))
    arguments = ("-m", *shlex.split(module), *listen, "--work-dir", directory, *more)
    return Child(name, arguments, directory, health=f"http://{options.ip}:{port}/health")


def _master(options: Options) -> Child:
    return _child(options, "master", "kernel master", options.ports.master)


def _agent(options: Options, index: int) -> Child:
    more = ["--master", addresses(options).master, "--resources", resources(options)]
    more += ["--ports", task_ports(options, index)]
    if options.attributes:
        more += ["--attributes", options.attributes]
    port = options.ports.agent + index
    return _child(options, f"agent-{index + 1}", "kernel agent", port, *more)


def _marathon(options: Options) -> Child:
    ports = options.ports
    more = ["--master", addresses(options).master]
    more += ["--local-port-min", str(ports.service_min), "--local-port-max", str(ports.service_max)]
    return _child(options, "marathon", "marathon_app", ports.marathon, *more)


def _chronos(options: Options) -> Child:
    more = ["--master", addresses(options).master, "--deliveries", broker(options)]
    return _child(options, "chronos", "chronos_app", options.ports.chronos, *more)


def _lb(options: Options) -> Child:
    assert options.haproxy is not None
    ports = options.ports
    more = ["--marathon", addresses(options).marathon, "--http-port", str(ports.lb_http)]
    more += ["--haproxy", options.haproxy]
    return _child(options, "lb", "lb", ports.lb_admin, *more)


def _web(options: Options) -> Child:
    where = addresses(options)
    more = ["--master", where.master, "--marathon", where.marathon, "--chronos", where.chronos]
    more += ["--lb", where.lb["admin"] if where.lb is not None else ""]
    return _child(options, "web", "web", options.ports.web, *more)


def _deliveries(options: Options) -> Child:
    directory = f"{options.directory}/deliveries"
    arguments = ["-m", "deliveries", "--work-dir", directory, "--broker", broker(options)]
    if options.smtp:
        arguments += ["--smtp", options.smtp]
    return Child("deliveries", tuple(arguments), directory, ready_file=f"{directory}/ready")


def broker(options: Options) -> str:
    return options.broker or f"{options.directory}/deliveries/broker"
