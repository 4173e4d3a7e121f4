"""Contracts D of the operator API, of maintenance, draining and files. Source: mesos.md §6 D."""

import signal
from collections.abc import Callable

import pytest

from tests.contracts.cluster import Cluster, OwnCluster, Process
from tests.contracts.scheduler import Scheduler, amount, framework_info, scalar
from tests.contracts.wire import JSON, Json, Stream, get, operate, request, shown, wait_until

MakeCluster = Callable[..., OwnCluster]


def watch(cluster: Cluster) -> Stream:
    """An operator's subscription, past its first two records."""
    return Stream(cluster.master, "/api/v1", {"type": "SUBSCRIBE"})


def agent_id_of(cluster: Cluster) -> Json:
    agents = shown(cluster.master, "GET_AGENTS")["agents"]
    found: Json = agents[0]["agent_info"]["id"]
    return found


def test_d4_a_watcher_is_told_the_state_and_then_what_changes(cluster: Cluster) -> None:
    """D4."""
    stream = watch(cluster)
    subscribed, heartbeat = stream.next(), stream.next()
    with Scheduler(cluster.master) as scheduler:
        added = stream.take("FRAMEWORK_ADDED")["framework_added"]["framework"]
        scheduler.run("watched")
        told = [stream.next() for _ in range(3)]
    removed = stream.take("FRAMEWORK_REMOVED")["framework_removed"]["framework_info"]
    stream.close()

    state = subscribed["subscribed"]["get_state"]
    assert {"get_tasks", "get_executors", "get_frameworks", "get_agents"} <= set(state)
    assert subscribed["subscribed"]["heartbeat_interval_seconds"] == 15.0
    assert heartbeat["type"] == "HEARTBEAT"
    assert added["framework_info"]["id"]["value"] == scheduler.id
    assert [event["type"] for event in told] == ["TASK_ADDED", "TASK_UPDATED", "TASK_UPDATED"]
    assert removed["id"]["value"] == scheduler.id


def test_d4_a_watcher_is_told_of_agents(own_cluster: MakeCluster) -> None:
    """D4."""
    made = own_cluster(agents=0)
    stream = watch(made)
    agent_id = made.agent_id(made.add_agent())

    added = stream.take("AGENT_ADDED")["agent_added"]["agent"]
    assert added["agent_info"]["id"]["value"] == agent_id
    made.the_agent.end()
    assert stream.take("AGENT_REMOVED")["agent_removed"]["agent_id"]["value"] == agent_id
    stream.close()


def test_d5_the_oldest_watcher_makes_room_for_one_too_many(own_cluster: MakeCluster) -> None:
    """D5."""
    made = own_cluster(master_flags=("--max-operator-event-stream-subscribers", "2"), agents=0)
    streams = [watch(made) for _ in range(3)]

    assert [stream.next()["type"] for stream in streams] == ["SUBSCRIBED"] * 3
    assert streams[0].ends(5)
    assert not streams[1].ends(0.2)
    assert not streams[2].ends(0.2)
    metrics = get(made.master, "/metrics/snapshot")
    assert metrics["master/operator_event_stream_subscribers"] == 2
    for stream in streams[1:]:
        stream.close()


def test_d6_operators_read_health_version_state_and_tasks(cluster: Cluster) -> None:
    """D6."""
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("counted")
        tasks = shown(cluster.master, "GET_TASKS")["tasks"]
        mine = [each for each in tasks if each["framework_id"]["value"] == scheduler.id]
        version = shown(cluster.master, "GET_VERSION")["version_info"]["version"]
        agents = shown(cluster.master, "GET_STATE")["get_agents"]["agents"]

        assert shown(cluster.master, "GET_HEALTH") == {"healthy": True}
        assert version == get(cluster.master, "/version")["version"]
        assert len(agents) >= 1
        assert [each["task_id"]["value"] for each in mine] == ["counted"]
        for address in (cluster.master, cluster.agent):
            assert operate(address, "LIST_FILES", path="/never/was").status == 404


def reserved(name: str, value: float, role: str) -> Json:
    return scalar(name, value, reservations=[{"type": "DYNAMIC", "role": role}])


def is_reserved(offer: Json) -> bool:
    return any(resource.get("reservations") for resource in offer["resources"])


def test_d7_operators_reserve_also_what_is_offered(cluster: Cluster) -> None:
    """D7."""
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        who = {"agent_id": offer["agent_id"]}
        one = [reserved("cpus", 1.0, scheduler.role)]

        assert operate(cluster.master, "RESERVE_RESOURCES", **who, resources=one).status == 202
        assert scheduler.stream.take("RESCIND")["rescind"]["offer_id"] == offer["id"]
        scheduler.offer(is_reserved)
        assert operate(cluster.master, "UNRESERVE_RESOURCES", **who, resources=one).status == 202
        again = scheduler.offer(lambda each: not is_reserved(each))
        assert amount(again, "cpus") >= amount(offer, "cpus")  # others' tasks may just have ended


def test_d7_operators_do_not_reserve_what_is_not_there(cluster: Cluster) -> None:
    """D7."""
    who = {"agent_id": agent_id_of(cluster)}
    much = [reserved("cpus", 1_000_000.0, "greedy")]

    assert operate(cluster.master, "RESERVE_RESOURCES", **who, resources=much).status == 409


def test_d7_a_reservation_with_a_volume_on_it_is_kept(cluster: Cluster) -> None:
    """D7."""
    who = {"agent_id": agent_id_of(cluster)}
    disk = reserved("disk", 64.0, "keeper")
    persistence = {"id": "kept", "principal": "nobody"}
    volume = {
        **disk,
        "disk": {
            "persistence": {"id": persistence["id"]},
            "volume": {"mode": "RW", "container_path": "data"},
        },
    }

    assert operate(cluster.master, "RESERVE_RESOURCES", **who, resources=[disk]).status == 202
    assert operate(cluster.master, "CREATE_VOLUMES", **who, volumes=[volume]).status == 202
    wait_until(lambda: _undo(cluster, "UNRESERVE_RESOURCES", who, [disk]) == 409)
    wait_until(lambda: _undo(cluster, "DESTROY_VOLUMES", who, [volume]) == 202)
    wait_until(lambda: _undo(cluster, "UNRESERVE_RESOURCES", who, [disk]) == 202)


def _undo(cluster: Cluster, type_: str, who: Json, resources: list[Json]) -> int:
    key = "volumes" if type_.endswith("VOLUMES") else "resources"
    return operate(cluster.master, type_, **who, **{key: resources}).status


def window(machine: Json) -> Json:
    start = {"nanoseconds": 2_000_000_000_000_000_000}
    return {
        "machine_ids": [machine],
        "unavailability": {"start": start, "duration": {"nanoseconds": 3_600_000_000_000}},
    }


def schedule(made: OwnCluster, *windows: Json) -> int:
    return operate(
        made.master, "UPDATE_MAINTENANCE_SCHEDULE", schedule={"windows": list(windows)}
    ).status


MACHINE = {"hostname": "localhost", "ip": "127.0.0.1"}


def test_d8_frameworks_are_asked_to_leave_what_will_be_away(own_cluster: MakeCluster) -> None:
    """D8."""
    made = own_cluster()
    with Scheduler(made.master) as scheduler:
        scheduler.run("there")
        assert schedule(made, window(MACHINE)) == 200
        asked = scheduler.stream.take("INVERSE_OFFERS")["inverse_offers"]["inverse_offers"][0]
        offer = scheduler.offer(lambda offer: "unavailability" in offer)

        assert asked["unavailability"]["start"] == offer["unavailability"]["start"]
        scheduler.must(
            "DECLINE_INVERSE_OFFERS",
            inverse_offer_ids=[asked["id"]],
            filters={"refuse_seconds": 600.0},
        )
        assert scheduler.stream.quiet("INVERSE_OFFERS", 1.5)


def test_d8_a_machine_that_is_down_is_refused_until_it_is_up(own_cluster: MakeCluster) -> None:
    """D8."""
    made = own_cluster()
    assert schedule(made, window(MACHINE)) == 200
    assert operate(made.master, "START_MAINTENANCE", machines=[MACHINE]).status == 200
    status = shown(made.master, "GET_MAINTENANCE_STATUS")["status"]
    assert status["down_machines"] == [MACHINE]
    wait_until(made.the_agent.has_ended, what="the agent was told to go")

    assert operate(made.master, "STOP_MAINTENANCE", machines=[MACHINE]).status == 200

    made.the_agent.start()
    wait_until(lambda: made.agents_count() == 1, what="the agent is back")


def test_d9_a_drained_agent_is_empty_and_offers_nothing_until_it_is_reactivated(
    own_cluster: MakeCluster,
) -> None:
    """D9."""
    made = own_cluster()
    agent_id = {"value": made.agent_id(made.the_agent)}
    with Scheduler(made.master) as scheduler:
        scheduler.run("drained", "trap '' TERM; while true; do sleep 0.1; done")
        answer = operate(
            made.master, "DRAIN_AGENT", agent_id=agent_id, max_grace_period={"seconds": 2}
        )
        assert answer.status == 200, answer.text
        assert operate(made.master, "REACTIVATE_AGENT", agent_id=agent_id).status == 400
        killed = scheduler.status("drained", "TASK_KILLED")
        wait_until(lambda: _drain_state(made) == "DRAINED", what="drained")

        assert killed["reason"] == "REASON_AGENT_DRAINING"
        assert scheduler.offers() == []
        assert operate(made.master, "REACTIVATE_AGENT", agent_id=agent_id).status == 200
        scheduler.offer()


def _drain_state(made: OwnCluster) -> str:
    agents = shown(made.master, "GET_AGENTS")["agents"]
    return str(agents[0].get("drain_info", {}).get("state", "")) if agents else ""


def test_d9_an_agent_that_is_drained_for_good_is_gone(own_cluster: MakeCluster) -> None:
    """D9."""
    made = own_cluster()
    agent_id = {"value": made.agent_id(made.the_agent)}
    with Scheduler(made.master) as scheduler:
        scheduler.run("drained")
        drain = {"agent_id": agent_id, "mark_gone": True}
        assert operate(made.master, "DRAIN_AGENT", **drain).status == 200
        last = scheduler.status("drained")

        assert last["state"] in ("TASK_KILLED", "TASK_GONE_BY_OPERATOR")
        wait_until(made.the_agent.has_ended, what="the agent was told to go")
        asked = {"task_id": {"value": "drained"}, "agent_id": agent_id}
        scheduler.must("RECONCILE", tasks=[asked])
        assert scheduler.status("drained")["state"] == "TASK_GONE_BY_OPERATOR"


def test_d10_tasks_of_an_agent_that_is_marked_gone_are_gone(own_cluster: MakeCluster) -> None:
    """D10."""
    made = own_cluster()
    agent_id = {"value": made.agent_id(made.the_agent)}
    with Scheduler(made.master) as scheduler:
        scheduler.run("lost")
        assert operate(made.master, "MARK_AGENT_GONE", agent_id=agent_id).status == 200
        gone = scheduler.stream.take("UPDATE")["update"]["status"]
        failure = scheduler.stream.take("FAILURE")["failure"]
        scheduler.must("RECONCILE", tasks=[{"task_id": {"value": "lost"}, "agent_id": agent_id}])
        again = scheduler.stream.take("UPDATE")["update"]["status"]

        assert gone["state"] == again["state"] == "TASK_GONE_BY_OPERATOR"
        assert failure == {"agent_id": agent_id}
        wait_until(made.the_agent.has_ended, what="the agent was told to go")


def test_d10_who_is_unknown_can_not_be_marked_gone(cluster: Cluster) -> None:
    """D10."""
    assert operate(cluster.master, "MARK_AGENT_GONE", agent_id={"value": "no"}).status == 404


def test_d12_a_sandbox_is_read_by_offset_and_length(cluster: Cluster) -> None:
    """D12."""
    with Scheduler(cluster.master) as scheduler:
        scheduler.run("speaks", "printf 0123456789; sleep 1000")
        virtual = f"/frameworks/{scheduler.id}/executors/speaks/runs/latest"
        path = f"/files/read?path={virtual}/stdout"
        wait_until(lambda: get(cluster.agent, f"{path}&offset=-1")["offset"] >= 10)

        assert get(cluster.agent, f"{path}&offset=-1") == {"data": "", "offset": 10}
        assert get(cluster.agent, f"{path}&offset=4&length=3")["data"] == "456"
        assert get(cluster.agent, f"{path}&offset=4&length=-1")["data"] == "456789"
        for query in ("offset=-2&length=1", "offset=0&length=-2"):
            assert request(cluster.agent, "GET", f"{path}&{query}").status == 400
        unknown = "/files/read?path=/never/was&offset=0&length=1"
        assert request(cluster.agent, "GET", unknown).status == 404
        listed = get(cluster.agent, f"/files/browse?path={virtual}")
        names = [entry["path"].rpartition("/")[2] for entry in listed]
        assert {"stdout", "stderr"} <= set(names)


@pytest.mark.parametrize("weight", [0, -1.5, "heavy"])
def test_d13_a_weight_that_is_none_is_refused(cluster: Cluster, weight: object) -> None:
    """D13."""
    body = f'[{{"role": "weighed", "weight": {weight if weight != "heavy" else "x"!r}}}]'

    answer = request(cluster.master, "PUT", "/weights", body.encode(), {"Content-Type": JSON})

    assert answer.status == 400, answer.text


def test_d13_a_weight_outlives_the_master(own_cluster: MakeCluster) -> None:
    """D13."""
    made = own_cluster(agents=0)
    weighed = {"role": "weighed", "weight": 2.5}
    body = b'[{"role": "weighed", "weight": 2.5}]'

    answer = request(made.master, "PUT", "/weights", body, {"Content-Type": JSON})

    assert answer.status == 200, answer.text
    assert weighed in get(made.master, "/weights")
    made.the_master.kill()
    made.the_master.start()
    assert weighed in get(made.master, "/weights")


def feedback(scheduler: Scheduler, operation_id: str) -> Json:
    """What is told of an operation."""
    event = scheduler.stream.take(
        "UPDATE_OPERATION_STATUS",
        lambda e: bool(
            e["update_operation_status"]["status"]["operation_id"]["value"] == operation_id
        ),
    )
    status: Json = event["update_operation_status"]["status"]
    return status


def test_d14_an_operation_with_an_id_is_told_of_until_it_is_acknowledged(
    cluster: Cluster,
) -> None:
    """D14: the second telling comes after ten seconds."""
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        one = [reserved("cpus", 1.0, scheduler.role)]
        operation = {"type": "RESERVE", "id": {"value": "op"}, "reserve": {"resources": one}}
        scheduler.accept(offer, operation)
        first, second = feedback(scheduler, "op"), feedback(scheduler, "op")
        scheduler.must(
            "ACKNOWLEDGE_OPERATION_STATUS",
            agent_id=first["agent_id"],
            uuid=first["uuid"]["value"],
            operation_id={"value": "op"},
        )

        assert first["state"] == "OPERATION_FINISHED"
        assert second["uuid"] == first["uuid"]
        who = {"agent_id": first["agent_id"]}
        assert operate(cluster.master, "UNRESERVE_RESOURCES", **who, resources=one).status == 202


def test_d14_an_unknown_operation_is_told_by_what_is_known_of_its_agent(
    own_cluster: MakeCluster,
) -> None:
    """D14."""
    made = own_cluster(
        agents=3, master_flags=("--agent-ping-timeout", "0.3", "--max-agent-ping-timeouts", "2")
    )
    there, silent, gone = [{"value": made.agent_id(agent)} for agent in made.the_agents]
    made.the_agents[1].signal(signal.SIGSTOP)
    assert operate(made.master, "MARK_AGENT_GONE", agent_id=gone).status == 200
    wait_until(lambda: made.agents_count() == 1, what="one is silent, one is gone")
    with Scheduler(made.master) as scheduler:
        states = {
            name: _of_unknown(scheduler, name, agent_id)
            for name, agent_id in (
                ("there", there),
                ("silent", silent),
                ("gone", gone),
                ("never", {"value": "no-agent"}),
            )
        }

    assert states == {
        "there": "OPERATION_UNKNOWN",
        "silent": "OPERATION_UNREACHABLE",
        "gone": "OPERATION_GONE_BY_OPERATOR",
        "never": "OPERATION_UNKNOWN",
    }


def _of_unknown(scheduler: Scheduler, name: str, agent_id: Json) -> str:
    asked = {"operation_id": {"value": name}, "agent_id": agent_id}
    scheduler.must("RECONCILE_OPERATIONS", operations=[asked])
    state: str = feedback(scheduler, name)["state"]
    return state


def constrained(role: str, predicate: str, attribute: str = "rack", **value: Json) -> Json:
    constraint = {"selector": {"attribute_name": attribute}, "predicate": {predicate: value}}
    return {"role_constraints": {role: {"groups": [{"attribute_constraints": [constraint]}]}}}


@pytest.mark.parametrize(
    ("predicate", "attribute", "value", "admits"),
    [
        ("exists", "rack", {}, True),
        ("exists", "never", {}, False),
        ("text_equals", "rack", {"value": "r1"}, True),
        ("text_equals", "rack", {"value": "r2"}, False),
        ("text_matches", "rack", {"regex": "r[0-9]"}, True),
        ("text_matches", "rack", {"regex": "x[0-9]"}, False),
    ],
)
def test_d16_constraints_decide_who_is_offered(
    cluster: Cluster, predicate: str, attribute: str, value: Json, admits: bool
) -> None:
    """D16."""
    info = framework_info()
    constraints = constrained(info["roles"][0], predicate, attribute, **value)
    with Scheduler(cluster.master, info, offer_constraints=constraints) as scheduler:
        if admits:
            scheduler.offer()
        else:
            assert scheduler.stream.quiet("OFFERS", 1.0)


@pytest.mark.parametrize("regex", ["(", "((((a*)*)*)*)*" + "b{1000}" * 50])
def test_d16_a_regex_that_is_broken_or_too_much_is_refused(cluster: Cluster, regex: str) -> None:
    """D16."""
    info = framework_info()
    constraints = constrained(info["roles"][0], "text_matches", regex=regex)
    refused = Scheduler(cluster.master, info, offer_constraints=constraints)

    assert refused.first["type"] == "ERROR"
    assert refused.stream.ends()
    with Scheduler(cluster.master) as scheduler:
        changed = {**scheduler.info, "id": {"value": scheduler.id}}
        constraints = constrained(scheduler.role, "text_matches", regex=regex)
        answer = scheduler.call(
            "UPDATE_FRAMEWORK", framework_info=changed, offer_constraints=constraints
        )
        assert answer.status == 400


def test_d15_an_agent_that_recovers_shows_nothing_yet(own_cluster: MakeCluster) -> None:
    """D15: a master that cannot be reached keeps nobody from looking, recovery does."""
    made = own_cluster()
    with Scheduler(made.master) as scheduler:
        for number in range(3):
            scheduler.run(f"kept-{number}")
        made.the_agent.kill()
        statuses = _statuses_while_starting(made.the_agent)

    assert statuses[-1] == 200
    assert set(statuses) <= {503, 200}


def _statuses_while_starting(agent: Process) -> list[int]:
    agent.begin()
    statuses: list[int] = []

    def asked() -> bool:
        try:
            statuses.append(request(agent.address, "GET", "/state").status)
        except OSError:
            return False  # it does not listen yet
        return statuses[-1] == 200

    wait_until(asked, what="the agent has recovered")
    return statuses
