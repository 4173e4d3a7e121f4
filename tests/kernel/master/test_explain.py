"""Why: each reason in a sentence that can be read aloud, beside the facts it was made of."""

from typing import Any

import pytest

from kernel.messages.operator_calls import Explain, OfAgent, UpdateQuota
from kernel.messages.quantities import to_wire
from kernel.messages.quota import QuotaConfig
from kernel.messages.v1 import Id, ScalarValue
from kernel.model.resources import parse
from kernel.model.task import TaskState
from tests.kernel.master.stage import SchedulerActor, Stage, task


def ask(stage: Stage, **explain: Any) -> Any:
    answer = stage.operate("EXPLAIN", explain=Explain(**explain))
    assert answer.status == 200, answer.message
    return answer.shown


def why(stage: Stage, framework: SchedulerActor, wanted: str = "") -> list[str]:
    resources = to_wire(parse(wanted))
    shown = ask(stage, framework_id=Id(framework.framework_id), resources=resources)
    sentences: list[str] = shown["sentences"]
    assert all(text[0].isupper() and text.endswith(".") for text in sentences)
    return sentences


def quota(stage: Stage, role: str, guarantees: str = "", limits: str = "") -> None:
    def scalars(text: str) -> dict[str, ScalarValue]:
        return {n: ScalarValue(a / 1000) for n, a in parse(text).quantities().items()}

    config = QuotaConfig(role=role, guarantees=scalars(guarantees), limits=scalars(limits))
    call = UpdateQuota(force=True, quota_configs=[config])
    assert stage.operate("UPDATE_QUOTA", update_quota=call).status == 200


# --- a framework ---------------------------------------------------------------------------


def test_an_empty_cluster_has_nothing_to_offer() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")

    assert why(stage, framework) == [
        "Framework 'Jobs' is connected and has no offer in its hands.",
        "There is no agent in the cluster.",
    ]


def test_one_that_is_away_is_told_how_long_it_may_be() -> None:
    stage = Stage()
    framework = stage.framework("Jobs", failover_timeout=300.0)
    framework.hang_up()
    stage.pass_time(60_000)

    assert why(stage, framework) == [
        "Framework 'Jobs' is not connected: its scheduler has gone away. If it does not come back"
        " within 4 min, it ends."
    ]


def test_one_that_has_ended_is_said_so() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    framework.call("TEARDOWN")

    [text] = why(stage, framework)

    assert text.startswith("Framework 'Jobs' has ended:")


def test_offers_that_it_sits_on_are_counted() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    stage.agent("cpus:4;mem:3174.4", hostname="h1")
    stage.agent("cpus:0.5;mem:512", hostname="h2")
    framework.offers()

    assert why(stage, framework)[0] == (
        "Framework 'Jobs' sits on 2 offers with 4.5 cpus and 3.6 GiB of memory, on h1 and h2, which"
        " it has neither used nor declined."
    )


def test_a_suppressed_role_is_named() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    framework.call("SUPPRESS")
    stage.agent()

    assert why(stage, framework)[1:] == [
        "It has suppressed role 'test': under it it is offered nothing until it revives."
    ]


def test_nothing_large_enough_names_the_best_agent_and_what_it_lacks() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    stage.agent("cpus:2;mem:3174.4", hostname="h1")
    stage.agent("cpus:1;mem:8192", hostname="h2")
    for offer in framework.offers():
        framework.decline(offer, refuse_s=0)

    assert why(stage, framework, "cpus:2.5;mem:2048")[1:] == [
        "No agent has 2.5 cpus and 2 GiB of memory free for it: the best agent, h1, has 2 cpus and"
        " 3.1 GiB of memory, short of 0.5 cpu."
    ]


def test_less_than_the_least_that_is_offered_is_said_to_be() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    stage.agent("cpus:0.005;mem:16;disk:1000", hostname="h1")

    assert why(stage, framework)[1:] == [
        "No agent has the least that is offered to it (0.01 cpu or 32 MiB of memory) free for it:"
        " the best agent, h1, has 0.005 cpu, 16 MiB of memory and 1000 MiB of disk, short of"
        " 0.005 cpu."
    ]


def test_refusals_are_named_with_the_time_that_is_left() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    stage.agent(hostname="h1")
    [offer] = framework.offers()
    framework.decline(offer, refuse_s=60)
    stage.pass_time(10_000)

    assert why(stage, framework)[1:] == [
        "It has declined what is free on h1 under role 'test' and is not offered it again for"
        " another 51 s, unless it revives or more becomes free there."
    ]


def test_a_limit_that_is_reached_is_told_in_numbers() -> None:
    stage = Stage()
    framework = stage.framework("Jobs", roles=("eng/web",))
    quota(stage, "eng", limits="cpus:1;mem:512")
    agent = stage.agent("cpus:4;mem:4096", hostname="h1")
    [offer] = framework.offers()
    framework.launch(offer, task("t", agent, "cpus:1;mem:128"))

    assert why(stage, framework, "cpus:0.5;mem:128")[1:] == [
        "Role 'eng' may have 1 cpu at most, which is the limit of its quota, and has 1 cpu already,"
        " offers and reservations counted."
    ]


def test_headroom_is_told_with_whose_guarantee_it_is() -> None:
    stage = Stage()
    framework = stage.framework("Jobs", roles=("other",))
    quota(stage, "prod", guarantees="cpus:4;mem:4096")
    stage.agent("cpus:4;mem:4096", hostname="h1")

    assert why(stage, framework)[1:] == [
        "Of the 4 cpus that are spare in the cluster, 4 cpus must be kept for what is guaranteed to"
        " role 'prod'."
    ]


def test_agents_that_its_constraints_leave_out_are_named() -> None:
    stage = Stage()
    selector = {"attribute_name": "rack"}
    group = {"attribute_constraints": [{"selector": selector, "predicate": {"exists": {}}}]}
    constraints = {"role_constraints": {"test": {"groups": [group]}}}
    framework = stage.framework("Jobs", constraints=constraints)
    for host in ("h1", "h2"):
        stage.agent(hostname=host)

    assert why(stage, framework)[1:] == [
        "Its offer constraints for role 'test' leave out 2 agents: h1 and h2."
    ]


def test_agents_with_gpus_are_for_those_who_know_them() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    stage.agent("cpus:4;mem:4096;gpus:1", hostname="h1")

    assert why(stage, framework)[1:] == [
        "It does not say that it knows gpus (GPU_RESOURCES), which keeps it off 1 agent: h1."
    ]


def test_agents_out_of_service_are_named_with_their_state() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    away, drained = stage.agent(hostname="h1"), stage.agent(hostname="h2")
    framework.offers()
    away.hang_up()
    stage.operate("DEACTIVATE_AGENT", deactivate_agent=OfAgent(agent_id=Id(drained.agent_id)))

    assert why(stage, framework)[1:] == [
        "Agent h1 is not connected and offered to nobody.",
        "Agent h2 is deactivated and offered to nobody.",
    ]


def test_a_new_master_that_waits_for_its_agents_says_so() -> None:
    stage = Stage()
    stage.agent()
    stage.agent()
    quota(stage, "a", guarantees="cpus:1")
    stage.restart()
    framework = stage.framework("Jobs")

    assert "Nothing is offered to anyone yet" in why(stage, framework)[1]


def test_the_facts_are_there_for_programs() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    agent = stage.agent("cpus:2;mem:1024", hostname="h1")
    [offer] = framework.offers()
    framework.decline(offer, refuse_s=60)

    facts = ask(stage, framework_id=Id(framework.framework_id))["facts"]

    [role] = facts["roles"]
    assert facts["connected"] and role["role"] == "test" and not role["suppressed"]
    assert role["agents"] == [
        {
            "agent_id": agent.agent_id,
            "reason": "filter",
            "free": {"cpus": 2.0, "mem": 1024.0},
            "seconds_left": pytest.approx(60, abs=2),
        }
    ]


# --- a task --------------------------------------------------------------------------------


def test_a_running_task_is_told_with_its_agent_and_last_word() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    agent = stage.agent(hostname="h1")
    [offer] = framework.offers()
    framework.launch(offer, task("t", agent, "cpus:1;mem:128"))
    assert ask(stage, task_id=Id("t"))["sentences"] == [
        "Task 't' of framework 'Jobs' was sent to h1, which has not said yet that it starts; it is"
        " to have 1 cpu and 128 MiB of memory."
    ]
    now_s = stage.now.wall_ms / 1000
    agent.say(agent.update(framework, "t", TaskState.RUNNING, timestamp=now_s))
    stage.pass_time(3_000)

    assert ask(stage, task_id=Id("t"))["sentences"] == [
        "Task 't' of framework 'Jobs' is running on h1, with 1 cpu and 128 MiB of memory.",
        "The last word of it, RUNNING, came 3 s ago.",
        "Its framework has not acknowledged that yet, so nothing newer is passed on.",
    ]


def test_a_kill_that_waits_for_an_agent_is_told() -> None:
    stage = Stage()
    framework = stage.framework("Jobs")
    agent = stage.agent(hostname="h1")
    [offer] = framework.offers()
    framework.launch(offer, task("t", agent))
    agent.hang_up()
    framework.kill("t")

    sentences = ask(stage, task_id=Id("t"), framework_id=Id(framework.framework_id))["sentences"]

    assert "A kill waits for its agent to come back." in sentences
    assert "The agent is not connected at the moment." in sentences


def test_a_task_that_was_never_launched_is_not_found() -> None:
    answer = Stage().operate("EXPLAIN", explain=Explain(task_id=Id("nobody")))

    assert answer.status == 404
    assert answer.message.startswith("No task of id 'nobody' is known")


# --- a role --------------------------------------------------------------------------------


def test_a_role_is_told_with_its_quota() -> None:
    stage = Stage()
    stage.framework("Jobs", roles=("eng",))
    quota(stage, "eng", guarantees="cpus:3", limits="cpus:4")
    stage.agent("cpus:2;mem:1024", hostname="h1")
    stage.pass_time(100)

    assert ask(stage, role="eng")["sentences"] == [
        "Role 'eng' has a weight of 1; one framework is subscribed to it and wants offers.",
        "Its tasks hold nothing, and 2 cpus and 1 GiB of memory are on offer under it.",
        "With all below it, it uses none of the 4 cpus that its quota allows.",
        "It is guaranteed 3 cpus and still lacks 3 cpus.",
    ]


def test_a_call_that_names_nothing_is_refused() -> None:
    answer = Stage().operate("EXPLAIN", explain=Explain())

    assert answer.status == 400
    assert "'framework_id', 'task_id' or 'role'" in answer.message


def test_a_framework_that_nobody_knows_is_not_found() -> None:
    assert Stage().operate("EXPLAIN", explain=Explain(framework_id=Id("x"))).status == 404
