"""What a framework may ask to be run, and what Mesos is told of it."""

import pytest

from kernel.framework.matching import Taken, take
from kernel.framework.task import Task, TaskInvalid, demand_of, task_info
from kernel.messages import v1
from kernel.model.resources import parse

OFFER = v1.Offer(
    id=v1.Id("O1"),
    framework_id=v1.Id("F1"),
    agent_id=v1.Id("S1"),
    hostname="one.example",
    allocation_info=v1.AllocationInfo(role="web"),
)


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        (Task("", "true"), "id: '' must have 1 to 255 characters"),
        (Task("..", "true"), "id: '..' must have 1 to 255 characters"),
        (Task("a/b", "true"), "id: 'a/b' has a slash or a character that cannot be printed"),
        (Task("a", ""), "a: command: there is nothing to run"),
        (Task("a", "true", cpus=-1), "a: cpus: -1 is negative"),
        (Task("a", "true", mem=float("nan")), "a: mem: nan is not a number up to 1e+12"),
        (Task("a", "true", cpus=0, mem=0), "a: cpus, mem: a task needs some of one of them"),
    ],
)
def test_what_no_master_would_take_is_refused_by_field(task: Task, problem: str) -> None:
    with pytest.raises(TaskInvalid) as caught:
        task.check()

    assert str(caught.value) == problem


def test_amounts_are_exact() -> None:
    assert demand_of(Task("a", "true", cpus=0.1, mem=32, gpus=1)).scalars == {
        "cpus": 100,
        "mem": 32_000,
        "gpus": 1_000,
    }


def test_the_offer_says_where_it_runs_with_what_and_under_which_role() -> None:
    task = Task(
        "a", "run", ports_count=2, environment={"K": "V"}, labels={"l": "1"}, uris=("http://x/y",)
    )
    taken = take(parse("cpus:1;mem:64;ports:[31000-31001]"), demand_of(task))
    assert isinstance(taken, Taken)

    info = task_info(task, OFFER, taken)

    assert info.agent_id == v1.Id("S1") and info.name == "a"
    assert info.command is not None and info.command.environment is not None
    variables = {one.name: one.value for one in info.command.environment.variables}
    assert variables == {"K": "V", "PORT0": "31000", "PORT1": "31001"}
    assert [uri.value for uri in info.command.uris] == ["http://x/y"]
    assert {r.allocation_info.role for r in info.resources if r.allocation_info} == {"web"}
    assert info.labels is not None and info.labels.labels == [v1.Label(key="l", value="1")]
