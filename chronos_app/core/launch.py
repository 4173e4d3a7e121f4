"""Makes the task of a run: command, environment, files, container, as Chronos made it.

The environment's own names can not be overridden. Where the task runs, and with which resources,
was decided before. Source: Chronos, MesosTaskBuilder.scala; docs (jobs, environment).
"""

from collections.abc import Mapping
from typing import Any

from chronos_app.core.run import Run
from chronos_app.schema.job import Job
from kernel.framework.matching import Demand, Taken
from kernel.messages.quantities import to_wire
from kernel.messages.v1 import (
    CommandInfo,
    DurationInfo,
    Environment,
    ExecutorInfo,
    Id,
    Offer,
    TaskInfo,
    Uri,
    Variable,
)

_URL_SCHEMES = ("http://", "https://", "ftp://")
EXECUTOR_ID = "shell-wrapper-executor"  # Chronos's, for jobs with an executor of their own
_NANOSECONDS = 1_000_000_000


def demand_of(job: Job) -> Demand:
    """What a run of this job needs, in thousandths."""
    wanted = {"cpus": job.cpus, "mem": job.mem, "disk": job.disk}
    return Demand({name: round(value * 1_000) for name, value in wanted.items() if value > 0})


def make_task(run: Run, job: Job, offer: Offer, taken: Taken) -> TaskInfo:
    """The TaskInfo to launch on the offer's agent."""
    command = _command(run, job, offer)
    executor = _executor(job, command) if job.executor else None
    limit_ns = job.max_completion_time_s * _NANOSECONDS
    return TaskInfo(
        name=f"ChronosTask:{job.name}",
        task_id=Id(run.run_id),
        agent_id=offer.agent_id,
        resources=to_wire(taken.resources),
        command=None if executor else command,
        executor=executor,
        container=None if job.container is None else _container(job.container),
        data=_data(job).encode() if executor else None,
        max_completion_time=DurationInfo(limit_ns) if limit_ns else None,
    )


def command_line(run: Run, job: Job) -> str:
    """What a shell runs; arguments follow after a space."""
    command = job.command
    if command.startswith(_URL_SCHEMES):
        url, _, rest = command.partition(" ")
        command = f"./{_basename(url)} {rest}".rstrip()
    return " ".join(part for part in (command, *job.arguments, run.arguments) if part)


def _command(run: Run, job: Job, offer: Offer) -> CommandInfo:
    uris = [
        Uri(
            value=item.uri,
            executable=item.executable,
            extract=item.extract,
            cache=item.cache,
            output_file=item.output_file or None,
        )
        for item in job.files()
    ]
    if job.command.startswith(_URL_SCHEMES):
        uris.append(Uri(value=job.command.partition(" ")[0], executable=True, extract=False))
    environment = Environment(
        variables=[
            Variable(name=name, value=value)
            for name, value in _environment(run, job, offer).items()
        ]
    )
    user = job.run_as_user or None
    if job.shell:
        line = command_line(run, job)
        return CommandInfo(uris=uris, environment=environment, value=line, user=user)
    extra = run.arguments.split() if run.arguments else []
    return CommandInfo(
        uris=uris,
        environment=environment,
        shell=False,
        value=job.command,
        arguments=[job.command, *job.arguments, *extra],
        user=user,
    )


def _environment(run: Run, job: Job, offer: Offer) -> dict[str, str]:
    wanted = {variable.name: variable.value for variable in job.environment}
    return wanted | {
        "mesos_task_id": run.run_id,
        "MESOS_TASK_ID": run.run_id,
        "CHRONOS_JOB_OWNER": job.owner,
        "CHRONOS_JOB_NAME": job.name,
        "HOST": offer.hostname,
        "CHRONOS_RESOURCE_MEM": str(job.mem),
        "CHRONOS_RESOURCE_CPU": str(job.cpus),
        "CHRONOS_RESOURCE_DISK": str(job.disk),
        "CHRONOS_JOB_RUN_TIME": run.run_id.split(":")[1],
        "CHRONOS_JOB_RUN_ATTEMPT": str(run.attempt),
    }


def _basename(url: str) -> str:
    return url.partition("?")[0].rstrip("/").rpartition("/")[2] or "command"


def _data(job: Job) -> str:
    return job.task_info_data or f"{job.executor_flags}|{job.command}"


def _executor(job: Job, command: CommandInfo) -> ExecutorInfo:
    own = CommandInfo(value=job.executor, uris=command.uris, environment=command.environment)
    return ExecutorInfo(executor_id=Id(EXECUTOR_ID), type="CUSTOM", command=own, name=EXECUTOR_ID)


def _container(written: Mapping[str, Any]) -> dict[str, Any]:
    """From Chronos's flat form to Mesos's ContainerInfo."""
    kind = str(written.get("type", "DOCKER")).upper()
    info: dict[str, Any] = {
        "type": kind,
        "volumes": [_volume(v) for v in _list(written, "volumes")],
    }
    image = str(written["image"])
    if kind == "MESOS":
        info["mesos"] = {"image": {"type": "DOCKER", "docker": {"name": image}}}
    else:
        info["docker"] = {
            "image": image,
            "network": str(written.get("network", "HOST")).upper(),
            "parameters": _list(written, "parameters"),
            "force_pull_image": bool(written.get("forcePullImage", False)),
        }
    networks = [_network(network) for network in _list(written, "networkInfos")]
    if not networks and written.get("networkName"):
        networks = [{"name": written["networkName"]}]
    if networks:
        info["network_infos"] = networks
    return info


def _list(written: Mapping[str, Any], field: str) -> list[Any]:
    found = written.get(field)
    return list(found) if found else []


def _volume(written: Mapping[str, Any]) -> dict[str, Any]:
    volume: dict[str, Any] = {
        "container_path": str(written["containerPath"]),
        "mode": str(written.get("mode") or "RW").upper(),
    }
    if written.get("hostPath"):
        volume["host_path"] = str(written["hostPath"])
    if external := written.get("external"):
        source = {"driver": external.get("provider"), "name": external.get("name")}
        volume["source"] = {"type": "DOCKER_VOLUME", "docker_volume": source}
    return volume


def _network(written: Mapping[str, Any]) -> dict[str, Any]:
    network: dict[str, Any] = {}
    if written.get("name"):
        network["name"] = str(written["name"])
    if labels := _list(written, "labels"):
        network["labels"] = {"labels": labels}
    if mappings := _list(written, "portMappings"):
        network["port_mappings"] = [
            {
                "host_port": int(m.get("hostPort", 0)),
                "container_port": int(m.get("containerPort", 0)),
            }
            for m in mappings
        ]
    return network
