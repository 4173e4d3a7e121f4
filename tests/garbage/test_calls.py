"""Calls that are nearly right, to every API: refused with a reason or taken, never a failure.

Each is made of the message's own type (`making.Likeness`), so a new call is tried here unasked.
Afterwards a framework that behaves still gets its task run.
"""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.messages import agent as agent_messages
from kernel.messages.agent_operator import AgentCall, AgentCallType
from kernel.messages.executor import Call as ExecutorCall
from kernel.messages.executor import CallType as ExecutorCallType
from kernel.messages.operator import Call as OperatorCall
from kernel.messages.operator import CallType as OperatorCallType
from kernel.messages.scheduler import Call, CallType, Operation
from tests.contracts.executor import Executor, Puppet
from tests.contracts.scheduler import Scheduler, framework_info, task
from tests.contracts.wire import Address
from tests.garbage.making import ROOM, Likeness, accepts, json_bytes
from tests.garbage.sending import Reply, request_bytes, send
from tests.garbage.stage import AGENT_PATH, Stage, judge

JSON = {"Content-Type": "application/json", "Accept": "application/json"}
SCHEDULER, OPERATOR, EXECUTOR = b"/api/v1/scheduler", b"/api/v1", b"/api/v1/executor"
numbers = itertools.count()
acknowledged: set[int] = set()
EXAMPLES = settings(
    max_examples=int(os.environ.get("GARBAGE_EXAMPLES", "120")),
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.function_scoped_fixture,  # one victim for all examples
    ],
)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("garbage"))
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(autouse=True)
def unharmed(stage: Stage) -> Iterator[None]:
    """After each batch."""
    yield
    stage.is_unharmed()


def post(address: Address, path: bytes, body: Any, **headers: str) -> Reply:
    raw = request_bytes("POST", path, {**JSON, **headers}, json_bytes(body))
    return send(address, raw)


@EXAMPLES
@given(data=st.data())
def test_calls_of_a_scheduler(stage: Stage, data: st.DataObject) -> None:
    scheduler = stage.victims.scheduler
    type_ = data.draw(st.sampled_from([each for each in CallType if each != CallType.SUBSCRIBE]))
    like = Likeness(stage.victims.pools())
    body = data.draw(like.call(Call, type_, framework_id={"value": scheduler.id}))
    headers = {"Mesos-Stream-Id": scheduler.stream_id}

    judge(post(stage.master, SCHEDULER, body, **headers))


@EXAMPLES
@given(data=st.data())
def test_what_schedulers_do_with_offers(stage: Stage, data: st.DataObject) -> None:
    scheduler = stage.victims.scheduler
    scheduler.stream.quiet("NONE", 0.002)
    offers = scheduler.offers()
    if not offers:
        scheduler.must("REVIVE")
        offers = [scheduler.offer()]
    offer = offers[data.draw(st.integers(0, 4)) % len(offers)]
    like = Likeness(stage.victims.pools())
    accept = data.draw(accepts(like, offer, Operation, next(numbers)))
    body = {"type": "ACCEPT", "framework_id": {"value": scheduler.id}, "accept": accept}
    accept["filters"] = {"refuse_seconds": 0.0}

    judge(post(stage.master, SCHEDULER, body, **{"Mesos-Stream-Id": scheduler.stream_id}))
    for event in scheduler.stream.all:
        if event["type"] == "UPDATE" and id(event) not in acknowledged:
            acknowledged.add(id(event))
            scheduler.acknowledge(event["update"]["status"])


@EXAMPLES
@given(data=st.data())
def test_subscriptions_of_schedulers(stage: Stage, data: st.DataObject) -> None:
    pools = {**stage.victims.pools(), "user": ["root"], "name": ["victim"]}
    body = data.draw(Likeness(pools).call(Call, "SUBSCRIBE"))
    info = body["subscribe"].get("framework_info") if isinstance(body["subscribe"], dict) else None
    if isinstance(info, dict) and data.draw(st.integers(0, 3)) > 0:
        info.pop("id", None)
    elif isinstance(info, dict):
        body["framework_id"] = info.get("id")

    judge(post(stage.master, SCHEDULER, body))


@EXAMPLES
@given(data=st.data())
def test_calls_of_operators_to_the_master(stage: Stage, data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(list(OperatorCallType)))
    body = data.draw(Likeness(stage.victims.pools()).call(OperatorCall, type_))

    judge(post(stage.master, OPERATOR, body))


@EXAMPLES
@given(data=st.data())
def test_calls_of_operators_to_the_agent(stage: Stage, data: st.DataObject) -> None:
    type_ = data.draw(st.sampled_from(list(AgentCallType)))
    body = data.draw(Likeness(stage.victims.pools()).call(AgentCall, type_))

    judge(post(stage.agent, OPERATOR, body))


@pytest.fixture
def framework_id(stage: Stage) -> Iterator[str]:
    """Of a framework with an executor "e1" that has subscribed, and a task "t1" on it."""
    puppet = Puppet("e1", ROOM)
    with Scheduler(stage.master, framework_info(roles=["victim"])) as scheduler:
        offer = scheduler.offer(lambda offer: bool(offer["agent_id"]["value"] == stage.agent_id))
        scheduler.launch(offer, task("t1", offer, None, executor=puppet.info))
        puppet.started()
        executor = Executor(stage.agent, scheduler.id, "e1")
        yield scheduler.id
        executor.close()
        puppet.close()


@EXAMPLES
@given(data=st.data())
def test_calls_of_executors(stage: Stage, framework_id: str, data: st.DataObject) -> None:
    pools = {"framework_id": [framework_id], "executor_id": ["e1"], "task_id": ["t1", "t2"]}
    always = {"framework_id": {"value": framework_id}, "executor_id": {"value": "e1"}}
    type_ = data.draw(st.sampled_from(list(ExecutorCallType)))
    body = data.draw(Likeness(pools).call(ExecutorCall, type_, **always))

    judge(post(stage.agent, EXECUTOR, body))


@EXAMPLES
@given(data=st.data())
def test_registrations_of_agents(stage: Stage, data: st.DataObject) -> None:
    pools = {**stage.victims.pools(), "version": ["1"]}
    body = data.draw(Likeness(pools).of(agent_messages.Subscribe))

    judge(post(stage.master, AGENT_PATH.encode(), body))


@EXAMPLES
@given(data=st.data())
def test_what_an_agent_says(stage: Stage, data: st.DataObject) -> None:
    stream = stage.victims.agent
    body = data.draw(Likeness(stage.victims.pools()).of(agent_messages.Batch))
    headers = {"Mesos-Stream-Id": stream.headers["mesos-stream-id"]}

    judge(post(stage.master, AGENT_PATH.encode(), body, **headers))
