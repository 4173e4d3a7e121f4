"""The task of a run. Source: Chronos, MesosTaskBuilderSpec."""

from typing import Any

from chronos_app.core.launch import demand_of, make_task
from chronos_app.core.run import Cause, Run, task_id
from chronos_app.schema.job import EnvironmentVariable, Fetch, Job
from kernel.framework.matching import Taken, take
from kernel.messages.v1 import Id, Offer, TaskInfo
from kernel.model.resources import scalars


def task(job: Job, arguments: str = "") -> TaskInfo:
    offer = Offer(id=Id("o"), framework_id=Id("f"), agent_id=Id("s"), hostname="h.example")
    run = Run(
        run_id=task_id(job.name, 1_000, 2, arguments), job=job.name, generation=1, index=0,
        attempt=2, nominal_ms=1_000, ready_ms=1_000, serial=1, cause=Cause.SCHEDULE,
        arguments=arguments,
    )  # fmt: skip
    taken = take(scalars(cpus=4_000, mem=4_000_000, disk=4_000_000), demand_of(job))
    assert isinstance(taken, Taken)
    return make_task(run, job, offer, taken)


def job(**more: Any) -> Job:
    return Job(name="a", command="run", cpus=0.5, mem=64, disk=1, **more)


def test_a_shell_command_gets_its_arguments_after_a_space() -> None:
    found = task(job(arguments=("x", "y")), "z w").command

    assert found is not None and found.shell and found.value == "run x y z w"


def test_without_a_shell_there_is_an_argument_vector() -> None:
    found = task(job(shell=False, arguments=("x y", "z"))).command

    assert found is not None and not found.shell
    assert (found.value, found.arguments) == ("run", ["run", "x y", "z"])


def test_a_job_can_not_override_the_environment_of_the_system() -> None:
    mine = (EnvironmentVariable("HOST", "mine"), EnvironmentVariable("X", "1"))
    command = task(job(environment=mine, owner="o@x")).command
    assert command is not None and command.environment is not None
    found = {v.name: v.value for v in command.environment.variables}

    assert (found["HOST"], found["X"], found["CHRONOS_JOB_OWNER"]) == ("h.example", "1", "o@x")
    assert (found["CHRONOS_JOB_RUN_TIME"], found["CHRONOS_JOB_RUN_ATTEMPT"]) == ("1000", "2")
    assert found["MESOS_TASK_ID"] == found["mesos_task_id"] == "ct:1000:2:a:"
    assert (found["CHRONOS_RESOURCE_CPU"], found["CHRONOS_RESOURCE_MEM"]) == ("0.5", "64")


def test_a_command_that_is_a_url_is_fetched_and_run() -> None:
    found = task(Job(name="a", command="http://x.example/do.sh?v=1 --fast", cpus=1)).command

    assert found is not None and found.value == "./do.sh --fast"
    assert [(uri.value, uri.executable) for uri in found.uris] == [
        ("http://x.example/do.sh?v=1", True)
    ]


def test_files_are_fetched_as_they_were_asked_for() -> None:
    fetch = (Fetch("http://x/a.tgz", cache=True, extract=False, output_file="b"),)
    found = task(job(fetch=fetch)).command

    assert found is not None
    (uri,) = found.uris
    assert (uri.value, uri.cache, uri.extract, uri.output_file) == (
        "http://x/a.tgz",
        True,
        False,
        "b",
    )


def test_a_container_takes_mesoss_form() -> None:
    written = {
        "type": "docker", "image": "i", "network": "BRIDGE", "forcePullImage": True,
        "volumes": [{"containerPath": "/c", "hostPath": "/h", "mode": "RO"}],
        "networkInfos": [{"name": "n", "portMappings": [{"containerPort": 80}]}],
    }  # fmt: skip

    found = task(job(container=written)).container

    assert found is not None and found["type"] == "DOCKER"
    assert found["docker"]["network"] == "BRIDGE" and found["docker"]["force_pull_image"]
    assert found["volumes"] == [{"container_path": "/c", "mode": "RO", "host_path": "/h"}]
    assert found["network_infos"][0]["port_mappings"][0]["container_port"] == 80


def test_an_executor_of_its_own_gets_the_command_as_data() -> None:
    found = task(job(executor="http://x/e", executor_flags="-f"))

    assert found.command is None and found.executor is not None
    assert found.data == b"-f|run"


def test_a_limit_of_time_is_handed_to_mesos() -> None:
    limit = task(job(max_completion_time_s=60)).max_completion_time

    assert limit is not None and limit.nanoseconds == 60_000_000_000
