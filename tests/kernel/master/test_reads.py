"""What is read has the keys and shapes of a real master's, and is of one moment.

Source: recordings v0-*.
"""

import json
from typing import Any

import msgspec
import pytest

from kernel.master import role_views, views
from kernel.master.reads import Reading, whole
from kernel.messages import scheduler
from kernel.messages.codec import encode
from kernel.messages.pieces import Pieces
from kernel.messages.v1 import Label, Labels
from kernel.model.task import TaskState
from tests.kernel.master.stage import Stage, running


def words(text: str) -> list[str]:
    return text.split()


SLAVE_KEYS = words(
    "id hostname port attributes pid registered_time resources used_resources offered_resources"
    " reserved_resources unreserved_resources active deactivated version capabilities"
)
FRAMEWORK_KEYS = words(
    "id name used_resources offered_resources capabilities hostname webui_url active connected"
    " recovered user failover_timeout checkpoint registered_time unregistered_time resources roles"
    " tasks unreachable_tasks completed_tasks offers executors offer_constraints"
)
TASK_KEYS = words("id name framework_id executor_id slave_id state resources role statuses")


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    framework = stage.framework()
    agent = stage.agent("cpus:4;mem:4096;disk:10000;ports:[31000-32000];cpus(eng):1")
    running(stage, framework, agent, "t1")
    running(stage, framework, agent, "t2", labels=Labels(labels=[Label(key="a", value="b")]))
    agent.say(agent.update(framework, "t1", TaskState.FINISHED))
    framework.acknowledge(framework.statuses()[0])
    stage.pass_time(2_000)
    return stage


def shown(view: Any) -> Any:
    return json.loads(encode(view))


def read(reading: Reading[Pieces]) -> Any:
    return json.loads(bytes(whole(reading)))


def test_the_state_has_mesos_keys(stage: Stage) -> None:
    state = read(stage.master.reads.state({"version": "1.11.0"}))

    [slave], [framework] = state["slaves"], state["frameworks"]
    assert [key for key in SLAVE_KEYS if key not in slave] == []
    assert [key for key in FRAMEWORK_KEYS if key not in framework] == []
    [task] = framework["tasks"]
    assert [key for key in TASK_KEYS if key not in task] == []
    assert (task["id"], task["state"], task["executor_id"]) == ("t2", "TASK_RUNNING", "")
    assert task["labels"] == [{"key": "a", "value": "b"}]
    assert task["statuses"] == [{"state": "TASK_RUNNING", "timestamp": 1.0}]
    assert [t["state"] for t in framework["completed_tasks"]] == ["TASK_FINISHED"]
    assert "pid" not in framework and "role" not in framework
    assert state["activated_slaves"] == 1.0


def test_resources_are_shown_as_numbers_and_ranges(stage: Stage) -> None:
    [slave] = read(stage.master.reads.slaves())["slaves"]

    assert slave["resources"] == {
        "disk": 10000.0,
        "mem": 4096.0,
        "gpus": 0.0,
        "cpus": 5.0,
        "ports": "[31000-32000]",
    }
    assert slave["used_resources"]["cpus"] == 1.0
    assert slave["offered_resources"]["cpus"] == 3.0
    assert slave["reserved_resources"]["eng"]["cpus"] == 1.0
    assert slave["unreserved_resources"]["cpus"] == 4.0


def test_an_unknown_id_is_an_empty_list(stage: Stage) -> None:
    """Source: mesos-observed.md §2, unknown ids in v0 queries."""
    reads = stage.master.reads

    assert read(reads.slaves("no"))["slaves"] == []
    assert read(reads.frameworks("no")) == {
        "frameworks": [],
        "completed_frameworks": [],
        "unregistered_frameworks": [],
    }


def test_the_summary_counts_by_state(stage: Stage) -> None:
    summary = read(stage.master.reads.state_summary("localhost"))

    for entry in (*summary["slaves"], *summary["frameworks"]):
        assert (entry["TASK_RUNNING"], entry["TASK_FINISHED"]) == (1, 1)
    assert summary["slaves"][0]["framework_ids"] == ["M0-0000"]
    assert summary["frameworks"][0]["slave_ids"] == ["M0-S0"]


def test_tasks_come_in_pages(stage: Stage) -> None:
    reads = stage.master.reads
    found = [t["id"] for t in read(reads.tasks())["tasks"]]

    assert sorted(found) == ["t1", "t2"]
    assert [t["id"] for t in read(reads.tasks(limit=1, offset=1))["tasks"]] == found[1:]
    assert read(reads.tasks(offset=5))["tasks"] == []
    assert [t["id"] for t in read(reads.tasks(task_id="t1"))["tasks"]] == ["t1"]


def test_roles_say_who_has_what(stage: Stage) -> None:
    roles = {r["name"]: r for r in shown(role_views.roles(stage.master.cluster))["roles"]}

    assert sorted(roles) == ["*", "eng", "test"]
    assert roles["test"]["allocated"]["cpus"] == 1.0
    assert roles["test"]["offered"] == {
        "cpus": 3.0,
        "mem": 3968.0,
        "disk": 10000.0,
        "ports": 1001.0,
    }
    assert roles["test"]["frameworks"] == ["M0-0000"]
    assert roles["eng"]["reserved"] == {"cpus": 1.0}


def test_a_task_is_shown_anew_when_it_changed(stage: Stage) -> None:
    cluster = stage.master.cluster
    [record] = next(iter(cluster.frameworks.values())).tasks.values()
    before = views.task_shown(record)

    assert views.task_shown(record) is before
    cluster.note_state(record, TaskState.KILLING)

    assert b"TASK_KILLING" in views.task_shown(record)


def test_an_offer_is_shown_as_its_framework_can_read_it_now() -> None:
    stage = Stage()
    framework, _ = stage.framework(), stage.agent()
    assert framework.offers()
    capable = {"capabilities": [], "roles": [], "role": "test"}
    info = msgspec.structs.replace(framework.info, **capable)
    changed = scheduler.Subscribe(framework_info=info)

    assert framework.call("UPDATE_FRAMEWORK", update_framework=changed).status == 200

    stage.master.check_invariants()  # what is kept is what would be made now


def test_metrics_have_mesos_names(stage: Stage) -> None:
    metrics = whole(stage.master.reads.metrics())

    assert metrics["master/cpus_total"] == 5.0
    assert metrics["master/cpus_used"] == 1.0
    assert metrics["master/cpus_percent"] == 0.2
    assert metrics["master/tasks_running"] == 1.0
    assert metrics["master/slaves_active"] == 1.0
    assert metrics["master/frameworks_connected"] == 1.0
    assert metrics["master/outstanding_offers"] == float(len(stage.master.cluster.offers))


def test_what_changed_while_it_was_prepared_is_in_the_answer(stage: Stage) -> None:
    """A state is of the moment of its last step, not of its first."""
    reading = stage.master.reads.state({})
    next(reading)
    [record] = next(iter(stage.master.cluster.frameworks.values())).tasks.values()
    stage.master.cluster.note_state(record, TaskState.KILLING)

    [framework] = read(reading)["frameworks"]
    assert [task["state"] for task in framework["tasks"]] == ["TASK_KILLING"]


def test_a_record_that_changed_in_silence_is_found(stage: Stage) -> None:
    """The tests' guard of every change that is not announced."""
    stage.master.reads.check()
    [record] = next(iter(stage.master.cluster.frameworks.values())).tasks.values()
    record.state = TaskState.KILLING

    with pytest.raises(AssertionError, match="did not say that it changed"):
        stage.master.reads.check()
    record.state = TaskState.RUNNING


def test_the_operators_state_has_the_same_tasks(stage: Stage) -> None:
    state = read(stage.master.reads.get_state())

    assert [t["task_id"]["value"] for t in state["get_tasks"]["tasks"]] == ["t2"]
    assert [t["task_id"]["value"] for t in state["get_tasks"]["completed_tasks"]] == ["t1"]
    [framework] = state["get_frameworks"]["frameworks"]
    assert framework["allocated_resources"][0]["allocation_info"] == {"role": "test"}
    assert len(framework["offers"]) == 2 and len(state["get_agents"]["agents"]) == 1
