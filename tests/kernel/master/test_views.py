"""The v0 views have the keys and shapes of a real master's. Source: recordings v0-*."""

import json
from typing import Any

import pytest

from kernel.master import role_views, views
from kernel.messages.codec import encode
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


def test_the_state_has_mesos_keys(stage: Stage) -> None:
    state = shown(views.state(stage.master.cluster, {"version": "1.11.0"}))

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
    [slave] = shown(views.slaves(stage.master.cluster))["slaves"]

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
    cluster = stage.master.cluster

    assert views.slaves(cluster, "no")["slaves"] == []
    assert views.frameworks(cluster, "no") == {
        "frameworks": [],
        "completed_frameworks": [],
        "unregistered_frameworks": [],
    }


def test_the_summary_counts_by_state(stage: Stage) -> None:
    summary = shown(views.state_summary(stage.master.cluster, "localhost"))

    for entry in (*summary["slaves"], *summary["frameworks"]):
        assert (entry["TASK_RUNNING"], entry["TASK_FINISHED"]) == (1, 1)
    assert summary["slaves"][0]["framework_ids"] == ["M0-0000"]
    assert summary["frameworks"][0]["slave_ids"] == ["M0-S0"]


def test_tasks_come_in_pages(stage: Stage) -> None:
    cluster = stage.master.cluster

    assert len(shown(views.tasks(cluster))["tasks"]) == 2
    assert len(shown(views.tasks(cluster, limit=1, offset=1))["tasks"]) == 1
    assert shown(views.tasks(cluster, offset=5))["tasks"] == []
    assert [t["id"] for t in shown(views.tasks(cluster, task_id="t1"))["tasks"]] == ["t1"]


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
    before = bytes(views.task_view(record))

    assert bytes(views.task_view(record)) == before
    cluster.note_state(record, TaskState.KILLING)

    assert b"TASK_KILLING" in bytes(views.task_view(record))


def test_metrics_have_mesos_names(stage: Stage) -> None:
    metrics = views.metrics(stage.master.cluster)

    assert metrics["master/cpus_total"] == 5.0
    assert metrics["master/cpus_used"] == 1.0
    assert metrics["master/cpus_percent"] == 0.2
    assert metrics["master/tasks_running"] == 1.0
    assert metrics["master/slaves_active"] == 1.0
    assert metrics["master/frameworks_connected"] == 1.0
    assert metrics["master/outstanding_offers"] == float(len(stage.master.cluster.offers))
