"""One recorded flow played against a Tepui: the same calls in the same order, with our ids.

Each answer must have the same status, Content-Type and refusal, and each event must come in the
same order with the same keys and types; where a value is a word of the protocol it must be the
same, too. Offers and heartbeats come when they come: an offer is looked for when a call names it,
or when the recording had one that no call names. Source: README of `recordings`.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.mesos.stage import apart
from tests.contracts.cluster import OwnCluster
from tests.contracts.scheduler import amount
from tests.contracts.wire import Json, Stream, operate, request, shown, wait_until

RECORDINGS = Path(__file__).parent / "recordings"
COMPARED_HEADERS = ("content-type", "transfer-encoding", "allow", "www-authenticate")
#: Values that are words of the protocol, or that the scheduler gave.
WORDS = ("type", "state", "source", "reason", "message", "healthy", "role", "status")
WHEN_THEY_COME = ("OFFERS", "HEARTBEAT")

Action = Callable[["Flow"], None]


class Talk:
    """One stream of the recording beside ours."""

    def __init__(self, recorded: Json, stream: Stream, drops: bool) -> None:
        self.recorded, self.stream, self.drops = recorded, stream, drops
        self.recorded_offers: dict[str, Json] = {
            offer["id"]["value"]: offer
            for event in recorded["response"]["records"]
            for offer in event.get("offers", {}).get("offers", [])
        }
        self.offers: dict[str, Json] = {}  # of ours, open as far as we have looked
        self.told: list[Json] = []  # of ours, untaken and neither offers nor heartbeats
        self.bound: set[str] = set()  # of ours, those that are one of the recording's
        self._looked = 0
        self.framework_id = ""
        self.has_beaten = False
        self._uuids: set[str] = set()

    def look(self) -> None:
        """Sort what has arrived since the last look."""
        for event in self.stream.all[self._looked :]:
            self._looked += 1
            if event["type"] == "OFFERS":
                self.offers |= {offer["id"]["value"]: offer for offer in event["offers"]["offers"]}
            elif event["type"] == "RESCIND":
                self._rescinded(event)
            elif event["type"] != "HEARTBEAT" and not self._is_repeated(event):
                self.told.append(event)

    def _rescinded(self, event: Json) -> None:
        """Of an offer that the recording does not know, this is no news: ours come sooner."""
        offer_id = event["rescind"]["offer_id"]["value"]
        self.offers.pop(offer_id, None)
        if offer_id in self.bound:
            self.told.append(event)

    def _is_repeated(self, event: Json) -> bool:
        """An update that nobody acknowledges comes again and again."""
        uuid = uuid_of(event)
        is_known = uuid is not None and uuid in self._uuids
        self._uuids |= {uuid} if uuid is not None else set()
        return is_known

    def until(self, found: Callable[[], Any], what: str, timeout_s: float = 20) -> Any:
        def look() -> Any:
            self.look()
            return found() or None

        return self.stream.until(look, timeout_s, what)

    def next_told(self, what: str, task_id: str | None = None) -> Json:
        """The next event; of a task, the next of that one: between tasks there is no order."""

        def place() -> int | None:
            for at, event in enumerate(self.told):
                theirs = event.get("update", {}).get("status", {}).get("task_id", {}).get("value")
                if theirs == task_id or task_id is None or theirs is None:
                    return at + 1
            return None

        at: int = self.until(place, what)
        return self.told.pop(at - 1)

    def largest_offer(self, agent_id: str) -> Json:
        """Of this agent, and not yet one of the recording's; it is so now."""

        def find() -> Json | None:
            there = [
                offer
                for offer_id, offer in self.offers.items()
                if offer_id not in self.bound and offer["agent_id"]["value"] == agent_id
            ]
            return max(there, key=lambda offer: amount(offer, "cpus"), default=None)

        offer: Json = self.until(find, "an offer")
        self.bound.add(offer["id"]["value"])
        return offer


class Flow:
    """Plays a recording. `actions` happen at times of the recording, by hand."""

    def __init__(
        self,
        cluster: OwnCluster,
        name: str,
        *,
        drops_first: bool = False,
        actions: Mapping[float, Action] | None = None,
    ) -> None:
        self.known = json.loads((RECORDINGS / f"{name}.json").read_text())
        self.cluster, self.name = cluster, name
        self.drops_first, self.actions = drops_first, actions or {}
        self.ours: dict[str, str] = {}  # what of the recording is what of ours
        self.talks: list[Talk] = []
        self.apart: list[str] = []
        self._named = re.findall(r"[0-9a-f-]{36}-O\d+", json.dumps(self.known.get("calls", [])))
        self._repeated: set[tuple[int, str]] = set()

    def play(self) -> list[str]:
        """All of it; what is apart, a line each."""
        try:
            for step in self._steps():
                step()
            self._end()
        finally:
            self._clean()
        return self.apart

    def _steps(self) -> list[Callable[[], None]]:
        """In order of time; at the same time what was told comes before what was said of it."""
        steps: list[tuple[float, int, Callable[[], None]]] = []
        others = self.known.get("other_streams", [])
        for number, told in enumerate([self.known, *others]):
            opened = told.get("opened_at", -1.0)
            drops = number == 0 and self.drops_first
            steps.append((opened, 1, lambda told=told, drops=drops: self.open(told, drops)))
            response = told["response"]
            for at, record in zip(response["seconds"], response["records"], strict=True):
                moment = max(opened, 0.0) + at
                steps.append((moment, 0, lambda n=number, record=record: self.hear(n, record)))
        for call in self.known.get("calls", []):
            steps.append((call["at"], 1, lambda call=call: self.call(call)))
        for at, action in self.actions.items():
            steps.append((at, 1, lambda action=action: action(self)))
        return [step for _, _, step in sorted(steps, key=lambda each: each[:2])]

    # --- steps -----------------------------------------------------------------------------

    def open(self, told: Json, drops: bool) -> None:
        asked = told["request"]
        body = self._ours(asked["body"])
        stream = Stream(self.cluster.master, asked["path"], body, asked["headers"])
        self.talks.append(Talk(told, stream, drops))
        response = told["response"]
        self._compare_answer("SUBSCRIBE", response, stream.status, stream.headers, stream.refusal)
        theirs = response["headers"].get("Mesos-Stream-Id")
        if theirs is not None:
            self.ours[theirs] = stream.headers.get("mesos-stream-id", "")

    def hear(self, number: int, record: Json) -> None:
        talk, type_ = self.talks[number], record["type"]
        if type_ == "HEARTBEAT":
            if not self.known.get("calls") or not talk.has_beaten:  # the next is 15 s away
                talk.stream.take("HEARTBEAT", timeout_s=17)
            talk.has_beaten = True
            return
        if type_ == "OFFERS":
            self._hear_offers(talk, record)
            return
        uuid = uuid_of(record)
        if uuid is not None and (number, uuid) in self._repeated:
            return
        task = record.get("update", {}).get("status", {}).get("task_id", {}).get("value")
        mine = talk.next_told(f"{type_} in the recording's order", self.ours.get(task, task))
        if uuid is not None:
            self._repeated.add((number, uuid))
            self.ours[uuid] = uuid_of(mine) or ""
        if type_ == "INVERSE_OFFERS" and mine["type"] == type_:
            self._bind_inverse_offers(record, mine)
        if type_ == "SUBSCRIBED" and mine["type"] == "SUBSCRIBED":
            talk.framework_id = mine["subscribed"]["framework_id"]["value"]
            self.ours[record["subscribed"]["framework_id"]["value"]] = talk.framework_id
        self.compare(type_, record, mine)

    def _hear_offers(self, talk: Talk, record: Json) -> None:
        for theirs in record["offers"]["offers"]:
            agent_id = self._agent_of(theirs)
            if theirs["id"]["value"] not in self._named:
                mine = talk.largest_offer(agent_id)
                self.compare("OFFERS", theirs, mine)

    def _bind_inverse_offers(self, theirs: Json, mine: Json) -> None:
        of_agent = {
            offer["agent_id"]["value"]: offer["id"]["value"]
            for offer in mine["inverse_offers"]["inverse_offers"]
        }
        for offer in theirs["inverse_offers"]["inverse_offers"]:
            self.ours[offer["id"]["value"]] = of_agent[self.ours[offer["agent_id"]["value"]]]

    def _agent_of(self, offer: Json) -> str:
        """Flows with several agents say by hand which is which."""
        theirs = offer["agent_id"]["value"]
        if theirs not in self.ours:
            self.ours[theirs] = self.cluster.agent_id(self.cluster.the_agent)
            self.ours["127.0.0.1:15051"] = str(self.cluster.agent)
        return self.ours[theirs]

    def call(self, call: Json) -> None:
        asked, type_ = call["request"], "GET"
        if asked["body"] is not None:
            type_ = asked["body"]["type"]
            self._bind_offers(asked["body"])
        headers = {name: self.ours.get(value, value) for name, value in asked["headers"].items()}
        body = self._ours(asked["body"])
        answer = request(self.cluster.master, asked["method"], asked["path"], body, headers)
        self._compare_answer(type_, call["response"], *answer[:2], answer.text)
        if answer.status == 200 and isinstance(call["response"]["body"], dict):
            self.compare(type_, call["response"]["body"], answer.json())

    def _bind_offers(self, body: Json) -> None:
        """The recording's offers that this call names, each to an open one of ours."""
        listed = body.get(body["type"].lower(), {}).get("offer_ids", [])
        for theirs in (entry["value"] for entry in listed):
            talk = next((talk for talk in self.talks if theirs in talk.recorded_offers), None)
            if theirs in self.ours or talk is None:
                continue
            offered = talk.recorded_offers[theirs]
            mine = talk.largest_offer(self._agent_of(offered))
            self.ours[theirs] = mine["id"]["value"]
            self.compare("OFFERS", talk.recorded_offers[theirs], mine)
        if body["type"] in ("ACCEPT", "DECLINE"):
            for talk in self.talks:
                for entry in listed:
                    talk.offers.pop(self.ours.get(entry["value"], ""), None)

    def drop(self) -> None:
        """The first stream goes; the master has noticed when this returns."""
        talk = self.talks[0]
        talk.stream.close()
        wait_until(lambda: not self._is_connected(talk.framework_id), what="noticed")

    def _is_connected(self, framework_id: str) -> bool:
        found = shown(self.cluster.master, "GET_FRAMEWORKS").get("frameworks", [])
        return any(
            each["connected"] and each["framework_info"]["id"]["value"] == framework_id
            for each in found
        )

    def pause(self) -> None:
        """Half a second, as the recording has it: a shell takes a moment to ignore a signal, and
        nothing tells when it does."""
        self.talks[0].stream.quiet("ERROR", 0.5)

    def removed(self) -> None:
        """Wait until the first stream's framework is no more."""
        framework_id = self.talks[0].framework_id

        def completed() -> bool:
            found = shown(self.cluster.master, "GET_FRAMEWORKS").get("completed_frameworks", [])
            return framework_id in [each["framework_info"]["id"]["value"] for each in found]

        wait_until(completed, what="removed")

    # --- comparing -------------------------------------------------------------------------

    def compare(self, what: str, theirs: Json, mine: Json) -> None:
        lines = apart(theirs, mine) + differing_words(self._ours(theirs), mine)
        status = theirs.get("update", {}).get("status", {})
        if status:
            what = f"{status['task_id']['value']} {status['state']}"
        self.apart += [f"{what}: {line}" for line in lines]

    def _compare_answer(
        self, type_: str, theirs: Json, status: int, headers: Mapping[str, str], text: str
    ) -> None:
        if status != theirs["status"]:
            self.apart.append(f"{type_}: {theirs['status']} -> {status} {text}")
        known = {name.lower(): value for name, value in theirs["headers"].items()}
        for name in COMPARED_HEADERS:
            if known.get(name) != headers.get(name):
                self.apart.append(f"{type_}: {name} {known.get(name)} -> {headers.get(name)}")
        expected = theirs.get("body")
        if theirs["status"] >= 400 and self._ours(expected) != text:
            self.apart.append(f"{type_}: {expected} -> {text}")

    def _ours(self, value: Any) -> Any:
        text = json.dumps(value)
        for theirs, mine in self.ours.items():
            text = text.replace(json.dumps(theirs)[1:-1], json.dumps(mine)[1:-1])
        return json.loads(text)

    # --- the end ---------------------------------------------------------------------------

    def _end(self) -> None:
        for number, talk in enumerate(self.talks):
            if talk.recorded["response"]["ended"] and not talk.drops:
                assert talk.stream.ends(), f"stream {number} did not end"
            talk.look()
            self.apart += [f"not recorded: {json.dumps(event)[:300]}" for event in talk.told]

    def _clean(self) -> None:
        """Nothing of ours stays behind for the next flow."""
        for talk in self.talks:
            if talk.framework_id:
                operate(self.cluster.master, "TEARDOWN", framework_id={"value": talk.framework_id})
            talk.stream.close()
        wait_until(
            lambda: not shown(self.cluster.master, "GET_TASKS").get("tasks"), what="tasks end"
        )


def uuid_of(event: Json) -> str | None:
    """Of a status update that wants an acknowledgement."""
    update = event.get("update") or event.get("update_operation_status") or {}
    uuid = update.get("status", {}).get("uuid")
    return uuid["value"] if isinstance(uuid, dict) else uuid


def differing_words(theirs: Any, mine: Any, path: str = "") -> list[str]:
    """Each word of the protocol that is another."""
    lines: list[str] = []
    if isinstance(theirs, dict) and isinstance(mine, dict):
        for key in theirs:
            if key not in mine:
                continue
            if key in WORDS and not isinstance(theirs[key], (dict, list)):
                if theirs[key] == mine[key]:
                    continue
                lines.append(f"{path}.{key} {theirs[key]} -> {mine[key]}")
            else:
                lines += differing_words(theirs[key], mine[key], f"{path}.{key}")
    if isinstance(theirs, list) and isinstance(mine, list):
        for their, my in zip(by_name(theirs), by_name(mine), strict=False):
            lines += differing_words(their, my, f"{path}[]")
    return lines


def by_name(values: list[Any]) -> list[Any]:
    """Resources and the like have no order that counts."""
    if all(isinstance(value, dict) and "name" in value for value in values):
        return sorted(values, key=lambda value: str(value["name"]))
    return values
