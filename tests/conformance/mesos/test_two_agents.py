"""A conversation recorded with two agents: their offers can't be combined, nor those of another.

Source: recording scheduler-offers-of-two-agents.
"""

import re
from pathlib import Path

from tests.conformance.mesos.flow import Flow
from tests.contracts.cluster import OwnCluster

NAME = "scheduler-offers-of-two-agents"
#: Mesos destroys an offer that somebody else names; here it stays, and its owner's task starts.
STAYS = r"t-a667b3dbbf TASK_DROPPED: .*|not recorded: .*\"t-a667b3dbbf\".*"


def test_offers_of_two_agents_are_not_combined(tmp_path: Path) -> None:
    own = OwnCluster(tmp_path, agents=2, agent_flags=("--attributes", "rack:r1"))
    try:
        flow = Flow(own, NAME)
        theirs = dict.fromkeys(re.findall(r"[0-9a-f-]{36}-S\d", str(flow.known)))
        for agent_id, process in zip(sorted(theirs), own.the_agents, strict=True):
            flow.ours[agent_id] = own.agent_id(process)
        lines = flow.play()
    finally:
        own.end()

    print("\n".join(lines))
    assert [line for line in lines if not re.fullmatch(STAYS, line)] == []
    assert any("TASK_DROPPED -> TASK_STARTING" in line for line in lines)
