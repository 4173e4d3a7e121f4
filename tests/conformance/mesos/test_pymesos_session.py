"""What pymesos's drivers sent to a real Mesos, sent to Tepui: the same answers and events.

The executor's process is `report.py`; its conversation is held here, with the recorded bodies.
Source: recording pymesos-session.
"""

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.mesos.flow import differing_words, uuid_of
from tests.conformance.mesos.stage import apart
from tests.contracts.cluster import OwnCluster
from tests.contracts.executor import Puppet
from tests.contracts.wire import Address, Json, Stream

RECORDING = Path(__file__).parent / "recordings" / "pymesos-session.json"
WHEN_THEY_COME = ("OFFERS", "HEARTBEAT")
EXECUTOR_ID = "py-executor"
#: An update always names its executor, also where the executor left that out.
DIFFERENCES = (
    "UPDATE: +.update.status.executor_id",
    "UPDATE: +.update.status.executor_id.value",
)


class Session:
    """The recording's connections, by whom they lead to."""

    def __init__(self) -> None:
        connections = json.loads(RECORDING.read_text())["connections"]
        _, self.scheduler, self.calls, self.executor, self.updates, _ = connections

    @staticmethod
    def told(connection: Json) -> list[Json]:
        """The events of a stream that was recorded as raw text; the last may have been cut. Paths
        in it were replaced, so the lengths of chunks and records are not right any more."""
        _, _, body = connection["received_text"].partition("\r\n\r\n")
        text = re.sub(r"(^|\r\n)[0-9a-f]+\r\n", "", body)
        events: list[Json] = []
        at = text.find("{")
        while at >= 0:
            try:
                event, end = json.JSONDecoder().raw_decode(text, at)
            except ValueError:
                break
            events.append(event)
            at = text.find("{", end)
        return events


class Caller:
    """One connection that is kept open, as pymesos keeps it."""

    def __init__(self, address: Address, path: str, headers: dict[str, str]) -> None:
        self._connection = http.client.HTTPConnection(*address, timeout=20)
        self._path, self._headers = path, {"Content-Type": "application/json", **headers}

    def __call__(self, body: Json) -> None:
        self._connection.request("POST", self._path, json.dumps(body).encode(), self._headers)
        answer = self._connection.getresponse()
        assert (answer.status, answer.read()) == (202, b""), body["type"]
        assert answer.getheader("Connection") != "close"

    def close(self) -> None:
        self._connection.close()


class Play:
    """Both drivers at once; a call is made as soon as what it answers to has been heard."""

    def __init__(self, cluster: OwnCluster, session: Session) -> None:
        self.session, self.ours = session, {}
        body = session.scheduler["requests"][0]["body"]
        self.scheduler = Stream(cluster.master, "/api/v1/scheduler", body)
        self.heard: list[Json] = [self.scheduler.next()]
        theirs = Session.told(session.scheduler)[0]["subscribed"]["framework_id"]["value"]
        self.framework_id = self.heard[0]["subscribed"]["framework_id"]["value"]
        self.ours[theirs] = self.framework_id
        stream_id = {"Mesos-Stream-Id": self.scheduler.headers["mesos-stream-id"]}
        self.call = Caller(cluster.master, "/api/v1/scheduler", stream_id)
        self.update = Caller(cluster.agent, "/api/v1/executor", {})
        self.puppet = Puppet(EXECUTOR_ID)
        self.executor: Stream | None = None
        self.cluster = cluster
        self._updates = [request["body"] for request in session.updates["requests"]]

    def run(self) -> None:
        for request in self.session.calls["requests"]:
            body = request["body"]
            if body["type"] == "ACCEPT":
                self._accept(body)
                continue
            if body["type"] == "ACKNOWLEDGE":
                self._hear(body["acknowledge"]["uuid"])
            self.call(self._with_ours(body))

    def _accept(self, body: Json) -> None:
        offers = self.scheduler.take("OFFERS")["offers"]["offers"]
        accept = body["accept"]
        self.ours[accept["offer_ids"][0]["value"]] = offers[0]["id"]["value"]
        task = accept["operations"][0]["launch"]["task_infos"][0]
        self.ours[task["agent_id"]["value"]] = offers[0]["agent_id"]["value"]
        task["executor"]["command"] = self.puppet.info["command"]
        self.call(self._with_ours(body))
        if self.executor is None:
            self.puppet.started()
            subscribe = self._with_ours(self.session.executor["requests"][0]["body"])
            self.executor = Stream(self.cluster.agent, "/api/v1/executor", subscribe)
        self.executor.take("LAUNCH")
        self._send_until("MESSAGE")

    def _send_until(self, type_: str) -> None:
        """The executor's calls, in their order; what they cause is heard before the next."""
        while True:
            body = self._updates.pop(0)
            self.update(self._with_ours(body))
            if body["type"] == "UPDATE":
                assert self.executor is not None
                self.executor.take("ACKNOWLEDGED")
                self.heard.append(self._update_of(body["update"]["status"]["uuid"]))
            else:
                self.heard.append(self.scheduler.take("MESSAGE"))
            if body["type"] == type_:
                return

    def _update_of(self, uuid: str) -> Json:
        return self.scheduler.take("UPDATE", lambda event: uuid_of(event) == uuid)

    def _hear(self, uuid: str) -> None:
        while not any(uuid_of(event) == uuid for event in self.heard):
            self._send_until("UPDATE")

    def _with_ours(self, body: Json) -> Any:
        text = json.dumps(body)
        for theirs, mine in self.ours.items():
            text = text.replace(theirs, mine)
        return json.loads(text)

    def close(self) -> None:
        for each in (self.scheduler, self.executor, self.call, self.update, self.puppet):
            if each is not None:
                each.close()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    resources = "cpus:2;mem:1024;disk:1000;ports:[31000-32000];cpus(static-role):1"
    flags = ("--resources", resources, "--attributes", "rack:r2")
    own = OwnCluster(tmp_path_factory.mktemp("session"), agent_flags=flags)
    try:
        yield own
    finally:
        own.end()


def in_order(events: list[Json]) -> list[Json]:
    return [event for event in events if event["type"] not in WHEN_THEY_COME]


def named(event: Json) -> tuple[str, str, str]:
    status = event.get("update", {}).get("status", {})
    return event["type"], status.get("state", ""), status.get("task_id", {}).get("value", "")


def test_the_session_goes_as_it_went_with_mesos(cluster: OwnCluster) -> None:
    session = Session()
    play = Play(cluster, session)
    try:
        play.run()
        assert play.scheduler.ends()
        assert play.executor is not None
        play.executor.take("SHUTDOWN")
        lines: list[str] = []
        for recorded, stream in (
            (session.scheduler, play.scheduler),
            (session.executor, play.executor),
        ):
            theirs, mine = in_order(Session.told(recorded)), in_order(stream.all)
            assert sorted(map(named, mine)) == sorted(map(named, theirs))
            for their, my in zip(sorted(theirs, key=named), sorted(mine, key=named), strict=True):
                lines += [f"{their['type']}: {line}" for line in apart(their, my)]
                lines += [f"{their['type']}: {line}" for line in differing_words(their, my)]
        assert [line for line in lines if line not in DIFFERENCES] == []
    finally:
        play.close()
