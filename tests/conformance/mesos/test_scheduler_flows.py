"""A scheduler's conversations recorded on a real Mesos, replayed against a Tepui.

What may be apart is listed with its reason; an entry that is not needed fails.
"""

import re
from collections.abc import Iterator, Mapping

import pytest

from tests.conformance.mesos.flow import Action, Flow
from tests.contracts.cluster import OwnCluster

#: Which recordings -> which lines of what is apart -> why.
DIFFERENCES: dict[str, dict[str, str]] = {
    ".*": {
        r".*: -\.update\.status\.container_status\.executor_pid": "It does not say the pid yet."
    },
    "scheduler-operation-feedback": {
        r"ACKNOWLEDGE_OPERATION_STATUS: .*": "The wrapped uuid of pymesos counts, too.",
    },
    "scheduler-task-error": {
        r"t-a29f326e93 TASK_ERROR: .*": "A scheduler is not told that its running task has failed.",
        r"t-e4b3c931f0 TASK_STARTING: .*": "A command of nothing is not started in vain.",
    },
}
FLOWS = (
    "scheduler-decline-revive-suppress",
    "scheduler-failover",
    "scheduler-failover-timeout",
    "scheduler-invalid-offers",
    "scheduler-invalid-offers-legacy",
    "scheduler-kill",
    "scheduler-kill-escalation",
    "scheduler-kill-killing-state",
    "scheduler-kill-unknown",
    "scheduler-kill-unknown-legacy",
    "scheduler-launch-finished",
    "scheduler-legacy-offer",
    "scheduler-operation-feedback",
    "scheduler-reconcile",
    "scheduler-reconcile-legacy",
    "scheduler-reserve-create",
    "scheduler-reserve-dropped",
    "scheduler-resubscribe",
    "scheduler-subscribe",
    "scheduler-task-error",
    "scheduler-teardown",
    "scheduler-update-framework",
)

#: What happens beside the recording's calls, at times of the recording.
ACTIONS: Mapping[str, Mapping[float, Action]] = {
    "scheduler-kill-escalation": {0.5: Flow.pause},
    "scheduler-failover-timeout": {0.1: Flow.drop, 0.2: Flow.removed},
    "scheduler-resubscribe": {0.5: Flow.drop},
}

used: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    own = OwnCluster(
        tmp_path_factory.mktemp("flows"), agent_flags=("--attributes", "rack:r1;level:10;zone:a")
    )
    try:
        yield own
    finally:
        own.end()


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


@pytest.mark.parametrize("name", FLOWS)
def test_a_conversation_goes_as_it_went_with_mesos(cluster: OwnCluster, name: str) -> None:
    actions = ACTIONS.get(name, {})
    drops = Flow.drop in actions.values()

    lines = Flow(cluster, name, drops_first=drops, actions=actions).play()

    assert "\n".join(unexplained(name, lines)) == ""


def test_no_difference_is_listed_that_is_none(request: pytest.FixtureRequest) -> None:
    if request.session.testscollected < len(FLOWS):
        pytest.skip("only a part was replayed in this run")

    listed = [(names, pattern) for names, patterns in DIFFERENCES.items() for pattern in patterns]
    assert [each for each in listed if each not in used] == []
