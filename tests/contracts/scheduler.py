"""A scheduler over the v1 API, as small as can be, and what it says: tasks, commands, resources.

Source: mesos.md §2.5-§2.7.
"""

import itertools
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tests.contracts.wire import TIMEOUT_S, Address, Answer, Json, Stream, request

PATH = "/api/v1/scheduler"
MODERN = ("PARTITION_AWARE", "MULTI_ROLE", "RESERVATION_REFINEMENT")
ENDED = ("TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED")
KEEP_NOTHING_FROM_ME = {"refuse_seconds": 0.0}

_numbers = itertools.count()


def framework_info(**more: Any) -> Json:
    """ "Sub" of §6: modern capabilities, a failover timeout, a role of its own."""
    return {
        "user": "root",
        "name": "contracts",
        "failover_timeout": 60.0,
        "checkpoint": True,
        "capabilities": [{"type": name} for name in MODERN],
        "roles": [f"contracts-{next(_numbers)}"],
        **more,
    }


def legacy_info(**more: Any) -> Json:
    """A framework that knows of no capability: one role, TASK_LOST for all that is lost."""
    info = framework_info(**more)
    del info["capabilities"], info["roles"]
    return {"role": f"contracts-{next(_numbers)}", **info}


def subscribe_call(info: Json, **more: Any) -> Json:
    """With the id in both places where it belongs, if there is one."""
    call: Json = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info, **more}}
    if "id" in info:
        call["framework_id"] = info["id"]
    return call


class Scheduler:
    """One subscription. Leaving the `with` block tears the framework down."""

    def __init__(self, master: Address, info: Json | None = None, **subscribe: Any) -> None:
        self.master = master
        self.info = info or framework_info()
        self.stream = Stream(master, PATH, subscribe_call(self.info, **subscribe))
        assert self.stream.status == 200, self.stream.refusal
        self.stream_id = self.stream.headers.get("mesos-stream-id", "")
        self._used: set[str] = set()
        self._is_over = False
        self.first = self.stream.next()
        self.id = ""
        if self.first["type"] == "SUBSCRIBED":
            self.id = self.first["subscribed"]["framework_id"]["value"]

    def __enter__(self) -> "Scheduler":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._is_over:
            self.teardown()

    @property
    def role(self) -> str:
        role: str = self.info["roles"][0] if "roles" in self.info else self.info["role"]
        return role

    # --- calls -----------------------------------------------------------------------------

    def call(self, type_: str, *, stream_id: str | None = None, **payload: Any) -> Answer:
        body: Json = {"type": type_, "framework_id": {"value": self.id}}
        if payload:
            body[type_.lower()] = payload
        headers = {"Mesos-Stream-Id": stream_id if stream_id is not None else self.stream_id}
        return request(self.master, "POST", PATH, body, headers)

    def must(self, type_: str, **payload: Any) -> None:
        """A call that is taken."""
        answer = self.call(type_, **payload)
        assert answer.status in (200, 202), f"{type_}: {answer.status} {answer.text}"

    def accept(self, offers: "list[Json] | Json", *operations: Json, **filters: Any) -> None:
        """What is left of the offers is refused for no time at all, unless `filters` say so."""
        listed = offers if isinstance(offers, list) else [offers]
        self._used |= {offer["id"]["value"] for offer in listed}
        self.must(
            "ACCEPT",
            offer_ids=[offer["id"] for offer in listed],
            operations=list(operations),
            filters=filters or KEEP_NOTHING_FROM_ME,
        )

    def launch(self, offers: "list[Json] | Json", *tasks: Json, **filters: Any) -> None:
        operation = {"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}
        self.accept(offers, operation, **filters)

    def decline(self, offer: Json, refuse_seconds: float = 0.0) -> None:
        self._used.add(offer["id"]["value"])
        filters = {"refuse_seconds": refuse_seconds}
        self.must("DECLINE", offer_ids=[offer["id"]], filters=filters)

    def acknowledge(self, status: Json) -> None:
        """Only what has a uuid wants it."""
        if "uuid" in status:
            keys = ("agent_id", "task_id", "uuid")
            self.must("ACKNOWLEDGE", **{key: status[key] for key in keys})

    def teardown(self) -> None:
        self._is_over = True
        if self.id:
            form = f"frameworkId={self.id}".encode()
            request(self.master, "POST", "/teardown", form)
        self.stream.close()

    def again(self, info: Json | None = None, **subscribe: Any) -> "Scheduler":
        """The same framework over a new stream; the old one is left as it is."""
        self._is_over = True
        info = {**(info or self.info), "id": {"value": self.id}}
        return Scheduler(self.master, info, **subscribe)

    # --- events ----------------------------------------------------------------------------

    def offers(self) -> list[Json]:
        """Those that were made, not rescinded and not used, as far as we have looked."""
        made: dict[str, Json] = {}
        for event in self.stream.all:
            if event["type"] == "OFFERS":
                made |= {offer["id"]["value"]: offer for offer in event["offers"]["offers"]}
            if event["type"] == "RESCIND":
                made.pop(event["rescind"]["offer_id"]["value"], None)
        return [offer for offer_id, offer in made.items() if offer_id not in self._used]

    def offer(
        self, fits: Callable[[Json], bool] = lambda _: True, timeout_s: float = TIMEOUT_S
    ) -> Json:
        """An open offer that fits, or the next one."""
        return self.stream.until(
            lambda: next((offer for offer in self.offers() if fits(offer)), None),
            timeout_s,
            "an offer that fits",
        )

    def status(self, task_id: str, state: str | None = None, timeout_s: float = TIMEOUT_S) -> Json:
        """The next status of a task, acknowledged. With a `state`: each before it as well."""
        while True:
            event = self.stream.take(
                "UPDATE",
                lambda e: bool(e["update"]["status"]["task_id"]["value"] == task_id),
                timeout_s,
            )
            status: Json = event["update"]["status"]
            self.acknowledge(status)
            if state in (None, status["state"]):
                return status
            assert status["state"] not in ENDED, status

    def run(self, task_id: str, command: str = "sleep 1000", **more: Any) -> Json:
        """Launch a command on the next offer; its TASK_RUNNING, acknowledged."""
        offer = self.offer(lambda offer: amount(offer, "cpus") >= 0.1)
        self.launch(offer, task(task_id, offer, command, **more))
        return self.status(task_id, "TASK_RUNNING")


def scalar(name: str, value: float, **more: Any) -> Json:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def ports(begin: int, end: int) -> Json:
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": begin, "end": end}]}}


def amount(offer: Json, name: str) -> float:
    """How much of a scalar an offer has, over all its roles and reservations."""
    found = [r["scalar"]["value"] for r in offer["resources"] if r["name"] == name]
    return round(sum(found), 3)


def task(
    task_id: str,
    offer: Json,
    command: str | None = "sleep 1000",
    *,
    cpus: float = 0.1,
    mem: float = 32,
    **more: Any,
) -> Json:
    """A command task; one with `command=None` brings its `executor`."""
    info: Json = {
        "name": task_id,
        "task_id": {"value": task_id},
        "agent_id": offer["agent_id"],
        "resources": [scalar("cpus", cpus), scalar("mem", mem)],
    }
    if command is not None:
        info["command"] = {"value": command}
    return {**info, **more}
