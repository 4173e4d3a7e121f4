"""Conversations with executors recorded on a real Mesos, replayed against a Tepui: what their
scheduler heard, and what a custom executor itself saw.

The executor is `probe_executor`, which does as the recorded one did. What may be apart is listed
with its reason; an entry that is not needed fails.
"""

import json
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.mesos.flow import Flow, differing_words
from tests.conformance.mesos.stage import apart
from tests.contracts.cluster import OwnCluster
from tests.contracts.scheduler import Scheduler
from tests.contracts.wire import Json, wait_until

RECORDINGS = Path(__file__).parent / "recordings"
PROBE = Path(__file__).parents[2] / "kernel" / "runtime" / "agent" / "probe_executor.py"
RECORDED_COMMAND = "exec python3 <work_dir>/probe_executor.py"
OUR_COMMAND = f"exec {sys.executable} {PROBE}"

#: Which recordings -> which lines of what is apart -> why.
DIFFERENCES: dict[str, dict[str, str]] = {
    "scheduler-launch-group.*": {
        r".* TASK_STARTING: -.*container_status\.(network_infos|executor_pid).*": (
            "Whether Mesos describes a container before it runs is chance."
        ),
        r".* TASK_KILLED: .*message .* signal \w+ -> .* signal \w+": (
            "Mesos's shell ignores the SIGTERM that ends ours."
        ),
    },
    "executor-dies": {
        r"OFFERS: \+\.executor_ids.*": "What is left is offered while the executor is there still."
    },
    "executor-info-differs": {
        r".* TASK_ERROR: .*\.message ExecutorInfo is not compatible.*": (
            "Both are shown as JSON, not as protobuf's text."
        ),
    },
}
FLOWS = (
    "executor-dies",
    "executor-info-differs",
    "scheduler-launch-group",
    "scheduler-launch-group-invalid",
    "scheduler-launch-group-kill",
)

used: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    directory = tmp_path_factory.mktemp("flows")
    own = OwnCluster(directory, agent_flags=("--attributes", "rack:r1;level:10;zone:a"))
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
            if re.fullmatch(names, name) and re.fullmatch(pattern, line, re.DOTALL)
        ]
        used.update(reasons)
        left += [] if reasons else [line]
    return left


@pytest.mark.parametrize("name", FLOWS)
def test_a_scheduler_is_told_of_executors_as_mesos_tells_it(cluster: OwnCluster, name: str) -> None:
    flow = Flow(cluster, name)
    flow.ours[RECORDED_COMMAND] = OUR_COMMAND

    assert "\n".join(unexplained(name, flow.play())) == ""


class Custom:
    """The recording `executor-custom`: what the executor saw, made to happen again."""

    def __init__(self, cluster: OwnCluster, work_dir: Path) -> None:
        known = json.loads((RECORDINGS / "executor-custom.json").read_text())
        self.exchange: list[Json] = known["exchange"]
        self.side = json.loads((RECORDINGS / "executor-custom-scheduler-side.json").read_text())
        self.work_dir = work_dir
        info = self.side["request"]["body"]["subscribe"]["framework_info"]
        self.scheduler = Scheduler(cluster.master, info)
        self.heard: set[str] = set()
        self.offer = self.scheduler.offer()
        recorded = self.exchange[0]["env"]
        self.executor_id = recorded["MESOS_EXECUTOR_ID"]
        self.ours = {
            recorded["MESOS_FRAMEWORK_ID"]: self.scheduler.id,
            recorded["MESOS_SLAVE_ID"]: self.offer["agent_id"]["value"],
            RECORDED_COMMAND: OUR_COMMAND,
        }

    def translate(self, value: Any) -> Any:
        text = json.dumps(value)
        for theirs, mine in self.ours.items():
            text = text.replace(theirs, mine)
        return json.loads(text)

    def log(self) -> list[Json]:
        """What our executor has written down."""
        found = list(self.work_dir.rglob(f"executors/{self.executor_id}/runs/*/exchange"))
        real = [path for path in found if "latest" not in path.parts]
        return [json.loads(line) for line in real[0].read_text().splitlines()] if real else []

    def play(self) -> None:
        """Each event that its scheduler caused is caused again, in order."""
        requests = 0
        for entry in self.exchange[1:]:
            requests += "request" in entry
            event = entry.get("event")
            if event is not None and event["type"] in ("LAUNCH", "MESSAGE", "KILL", "SHUTDOWN"):
                if event["type"] != "LAUNCH" or self.log():  # else it is started by this
                    wait_until(
                        lambda n=requests: sum("request" in e for e in self.log()) >= n,
                        what=f"{requests} calls of the executor",
                    )
                self.heed()
                self.cause(event)
        wait_until(self.has_ended, what="the end of the executor and its task")

    def heed(self) -> None:
        """Acknowledge what has come."""
        self.scheduler.stream.quiet("ERROR", 0.02)  # have a look
        for event in list(self.scheduler.stream.all):
            status = event.get("update", {}).get("status", {})
            if status and status["uuid"] not in self.heard:
                self.heard.add(status["uuid"])
                self.scheduler.acknowledge(status)

    def has_ended(self) -> bool:
        self.heed()
        told = [each for each in self.scheduler.stream.all if "update" in each]
        return bool(told) and told[-1]["update"]["status"]["state"] == "TASK_FAILED"

    def cause(self, event: Json) -> None:
        where = {
            "agent_id": self.offer["agent_id"],
            "executor_id": {"value": self.executor_id},
        }
        if event["type"] == "LAUNCH":
            task = self.translate(event["launch"]["task"])
            for resource in [*task["resources"], *task["executor"]["resources"]]:
                del resource["allocation_info"]
            self.scheduler.launch(self.scheduler.offer(), task)
        elif event["type"] == "MESSAGE":
            data = b64decode(event["message"]["data"]).decode()
            bidden = self.translate(json.loads(data))
            encoded = b64encode(json.dumps(bidden).encode()).decode()
            self.scheduler.must("MESSAGE", **where, data=encoded)
        elif event["type"] == "KILL":
            self.scheduler.must("KILL", task_id=event["kill"]["task_id"])
        else:
            self.scheduler.must("SHUTDOWN", **where)


def events(entries: list[Json]) -> list[Json]:
    """What an executor heard, without the acknowledgement that Mesos forgets."""
    heard = [entry["event"] for entry in entries if "event" in entry]
    stranger = {"value": "unknown-task"}
    return [e for e in heard if e.get("acknowledged", {}).get("task_id") != stranger]


def answers(entries: list[Json], names: dict[str, str]) -> list[tuple[str, int, str]]:
    """What an executor's calls were answered, without those in which it only tells what it
    heard."""
    found = []
    for entry in entries:
        if "request" not in entry:
            continue
        request, response = entry["request"], entry.get("response", {})
        body = request.get("body", request)
        status = response.get("status", entry.get("status"))
        text = response.get("body", entry.get("text", "")) or ""
        for theirs, mine in names.items():
            text = text.replace(theirs, mine)
        if body.get("type") != "MESSAGE" or status != 202:
            found.append((body["type"], status, text))
    return found


def test_a_custom_executor_sees_what_it_saw_with_mesos(cluster: OwnCluster) -> None:
    custom = Custom(cluster, cluster.directory)
    custom.play()
    wait_until(lambda: events(custom.log())[-1]["type"] == "SHUTDOWN", what="SHUTDOWN")
    theirs, mine = custom.exchange, custom.log()

    assert answers(mine, {}) == answers(theirs, custom.ours)
    heard = events(mine)
    recorded = events(theirs)
    assert [event["type"] for event in heard] == [event["type"] for event in recorded]
    for their, our in zip(recorded, heard, strict=True):
        assert apart(their, our) == [], their["type"]
    assert [e["end_of_stream"] for e in mine if "end_of_stream" in e] == [True, True]
    environment = [entry["env"] for entry in mine if "env" in entry][0]
    given = {name for name in theirs[0]["env"] if not name.startswith(("LC_", "PWD"))}
    assert given - set(environment) == set()

    told = [e for e in custom.scheduler.stream.all if e["type"] in ("UPDATE", "FAILURE")]
    expected = [
        each for each in custom.side["response"]["records"] if each["type"] in ("UPDATE", "FAILURE")
    ]
    assert [each["type"] for each in told] == [each["type"] for each in expected]
    for their, our in zip(expected, told, strict=True):
        assert apart(their, our) == []
        assert differing_words(custom.translate(their), our) == []
    custom.scheduler.teardown()


def test_no_difference_is_listed_that_is_none(request: pytest.FixtureRequest) -> None:
    if request.session.testscollected < len(FLOWS):
        pytest.skip("only a part was replayed in this run")

    listed = [(names, pattern) for names, patterns in DIFFERENCES.items() for pattern in patterns]
    optional = [each for each in listed if each[0].startswith("scheduler-launch-group")]
    assert [each for each in listed if each not in used and each not in optional] == []
