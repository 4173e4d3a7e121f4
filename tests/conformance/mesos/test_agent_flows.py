"""Agents that go and come back, are drained, marked gone and taken down: recorded on a real Mesos
and replayed against a Tepui.

What may be apart is listed with its reason; an entry that is not needed fails.
"""

import re
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.conformance.mesos.flow import Action, Flow
from tests.contracts.cluster import OwnCluster

#: Which recordings -> which lines of what is apart -> why.
DIFFERENCES: dict[str, dict[str, str]] = {
    ".*": {
        r".*: -\..*\.container_status\.executor_pid": "An update does not say the pid yet.",
    },
    "operator-drain-agent": {
        r"GET_AGENTS: -.*\.reregistered_time.*": "The recorded agent had come back before.",
    },
    "scheduler-agent-unreachable-aware": {
        r"GET_AGENTS: \+.*\.offered_resources.*": "What is free is offered at once.",
    },
    "scheduler-agent-unreachable-legacy": {
        r"GET_TASKS: -.*\.completed_tasks.*": "Another recording's task had ended there.",
    },
}

#: As in the README of the recordings; an agent is silent for less long than an offer lives.
MASTER_FLAGS = (
    "--offer-timeout",
    "4",
    "--agent-ping-timeout",
    "0.5",
    "--max-agent-ping-timeouts",
    "2",
)
AGENTS = (
    ("--resources", "cpus:4;mem:4096;disk:10000;ports:[31000-32000]", "--attributes", "rack:r1"),
    (
        "--resources",
        "cpus:2;cpus(static-role):1;mem:2048;disk:5000;ports:[33000-33100]",
        "--attributes",
        "rack:r2",
    ),
)


def stop(flow: Flow) -> None:
    flow.cluster.the_agent.signal(signal.SIGSTOP)


def go_on(flow: Flow) -> None:
    flow.cluster.the_agent.signal(signal.SIGCONT)


def kill(flow: Flow) -> None:
    flow.cluster.the_agent.kill()


def start(flow: Flow) -> None:
    flow.cluster.the_agent.start()


#: Recording -> what happens beside its calls, at times of the recording.
FLOWS: Mapping[str, Mapping[float, Action]] = {
    "operator-drain-agent": {},
    "operator-maintenance": {},
    "operator-mark-agent-gone": {},
    "scheduler-agent-gone-no-checkpoint": {0.19: kill, 0.5: start},
    "scheduler-agent-unreachable-aware": {0.7: stop, 4.1: go_on},
    "scheduler-agent-unreachable-legacy": {0.6: stop, 4.05: go_on},
    "scheduler-offer-timeout": {},
}

used: set[tuple[str, str]] = set()


def unexplained(name: str, lines: list[str]) -> list[str]:
    """What is apart and has no reason in the table."""
    left = []
    for line in lines:
        reasons = [
            (names, pattern)
            for names, patterns in DIFFERENCES.items()
            for pattern in patterns
            if re.fullmatch(names, name) and re.fullmatch(pattern, line)
        ]
        used.update(reasons)
        left += [] if reasons else [line]
    return left


def agents_of(flow: Flow) -> list[str]:
    """The recording's agents, the larger one first."""
    offers = [
        offer
        for talk in [flow.known]
        for event in talk["response"]["records"]
        for offer in event.get("offers", {}).get("offers", [])
    ]
    cpus = {
        offer["agent_id"]["value"]: next(
            r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus"
        )
        for offer in reversed(offers)
    }
    return sorted(cpus, key=lambda agent_id: -cpus[agent_id])


@pytest.mark.parametrize("name", FLOWS)
def test_agents_go_and_come_back_as_with_mesos(tmp_path: Path, name: str) -> None:
    cluster = OwnCluster(tmp_path, agents=0, master_flags=MASTER_FLAGS)
    try:
        ours = [cluster.agent_id(cluster.add_agent(*flags)) for flags in AGENTS]
        flow = Flow(cluster, name, actions=FLOWS[name])
        flow.ours |= dict(zip(agents_of(flow), ours, strict=True))

        lines = flow.play()
    finally:
        cluster.end()

    assert "\n".join(unexplained(name, lines)) == ""


def test_no_difference_is_listed_that_is_none(request: pytest.FixtureRequest) -> None:
    if request.session.testscollected < len(FLOWS):
        pytest.skip("only a part was replayed in this run")

    listed = [(names, pattern) for names, patterns in DIFFERENCES.items() for pattern in patterns]
    assert [each for each in listed if each not in used] == []
