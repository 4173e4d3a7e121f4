"""Contracts A: subscribing, refusals, coming back, going for good. Source: mesos.md §6 A."""

import http.client
import json
import os
import signal
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.cluster import Cluster, OwnCluster, Process
from tests.contracts.scheduler import PATH, Scheduler, framework_info, subscribe_call
from tests.contracts.wire import (
    JSON,
    Answer,
    Json,
    Stream,
    get,
    records,
    request,
    wait_until,
)
from tests.servers import redis_server

REFUSALS = {
    "no Content-Type": ("POST", {}, b"{}", 400),
    "JSON that is no call": ("POST", {"Content-Type": JSON}, b"{}", 400),
    "JSON that is no object": ("POST", {"Content-Type": JSON}, b"[1]", 400),
    "truncated JSON": ("POST", {"Content-Type": JSON}, b'{"type":"SUBSCRIBE","subs', 400),
    "text": ("POST", {"Content-Type": "text/plain"}, b"SUBSCRIBE", 415),
    "GET": ("GET", {}, None, 405),
}


def test_a1_a_subscription_is_a_stream_of_subscribed_then_heartbeats(cluster: Cluster) -> None:
    """A1. An OFFERS may come before the first HEARTBEAT (mesos-observed.md, 1.12)."""
    with Scheduler(cluster.master) as scheduler:
        subscribed = scheduler.first["subscribed"]
        scheduler.stream.take("HEARTBEAT", timeout_s=1)
        beaten = time.monotonic()
        scheduler.stream.take("HEARTBEAT", timeout_s=17)

        assert scheduler.stream.headers["transfer-encoding"] == "chunked"
        assert scheduler.stream.headers["content-type"] == JSON
        assert scheduler.stream_id != ""
        assert subscribed["framework_id"]["value"] != ""
        assert subscribed["heartbeat_interval_seconds"] == 15.0
        assert time.monotonic() - beaten > 10


@pytest.mark.parametrize("what", REFUSALS)
def test_a2_what_is_no_call_is_refused(cluster: Cluster, what: str) -> None:
    """A2."""
    method, headers, body, status = REFUSALS[what]

    answer = request(cluster.master, method, PATH, body, headers)

    assert answer.status == status, answer.text
    if status == 405:
        assert answer.headers["allow"] == "POST"


def test_a4_who_gives_no_credentials_is_asked_for_them(
    own_cluster: Callable[..., OwnCluster], tmp_path: Path
) -> None:
    """A4."""
    credentials = tmp_path / "credentials"
    credentials.write_text("someone secret\n")
    credentials.chmod(0o600)
    flags = ("--credentials", str(credentials), "--authenticate-http-frameworks")
    made = own_cluster(master_flags=flags, agents=0)
    call = subscribe_call(framework_info(principal="someone"))
    token = b64encode(b"someone:secret").decode()

    refused = request(made.master, "POST", PATH, call)
    admitted = Stream(made.master, PATH, call, {"Authorization": f"Basic {token}"})

    assert refused.status == 401
    assert refused.headers["www-authenticate"].startswith("Basic realm=")
    assert admitted.next()["type"] == "SUBSCRIBED"
    admitted.close()


def test_a7_an_invalid_role_is_told_in_the_stream_which_then_ends(cluster: Cluster) -> None:
    """A7."""
    stream = Stream(cluster.master, PATH, subscribe_call(framework_info(roles=["/test/test1"])))

    assert stream.status == 200
    assert stream.next()["type"] == "ERROR"
    assert stream.ends()
    assert [event["type"] for event in stream.all] == ["ERROR"]
    stream.close()


def test_a8_who_lost_its_stream_subscribes_again_with_its_id(cluster: Cluster) -> None:
    """A8."""
    lost = Scheduler(cluster.master)
    lost.stream.close()

    with lost.again() as back:
        back.stream.take("HEARTBEAT", timeout_s=1)

        assert back.first["type"] == "SUBSCRIBED"
        assert back.id == lost.id
        assert back.stream_id != lost.stream_id


def test_a9_a_second_subscription_ends_the_first(cluster: Cluster) -> None:
    """A9."""
    first = Scheduler(cluster.master)
    with first.again() as second:
        error = first.stream.take("ERROR")

        assert first.stream.ends()
        assert error["error"]["message"] == "Framework failed over"
        assert first.call("REVIVE").status == 400
        assert second.call("REVIVE").status == 202
    first.stream.close()


def test_a10_another_principal_may_not_come_back_as_the_same_framework(cluster: Cluster) -> None:
    """A10."""
    lost = Scheduler(cluster.master, framework_info(principal="one"))
    lost.stream.close()

    back = lost.again({**lost.info, "principal": "two"})

    assert back.first["type"] == "ERROR"
    assert back.stream.ends()
    lost.teardown()


def test_a11_who_stays_away_too_long_has_been_removed(cluster: Cluster) -> None:
    """A11."""
    lost = Scheduler(cluster.master, framework_info(failover_timeout=0.2))
    lost.stream.close()
    wait_until(lambda: lost.id in _completed(cluster), what="the framework is removed")

    back = lost.again()

    assert back.first["type"] == "ERROR"
    assert "removed" in back.first["error"]["message"]
    assert back.stream.ends()


def test_a12_who_was_torn_down_does_not_come_back(cluster: Cluster) -> None:
    """A12."""
    gone = Scheduler(cluster.master)
    gone.must("TEARDOWN")
    assert gone.stream.ends()

    back = gone.again()

    assert back.first["type"] == "ERROR"
    assert back.stream.ends()
    assert gone.id in _completed(cluster)


def _completed(cluster: Cluster) -> list[str]:
    frameworks = get(cluster.master, "/frameworks")["completed_frameworks"]
    return [framework["id"] for framework in frameworks]


def test_a13_a_failover_timeout_that_no_clock_can_hold_is_refused(cluster: Cluster) -> None:
    """A13, corrected by mesos-observed.md 1.1: a negative one is taken, and means none."""
    info = framework_info(failover_timeout=1e20)
    refused = Stream(cluster.master, PATH, subscribe_call(info))
    negative = Scheduler(cluster.master, framework_info(failover_timeout=-1.0))

    assert refused.next()["type"] == "ERROR"
    assert refused.ends()
    assert negative.first["type"] == "SUBSCRIBED"
    negative.stream.close()
    wait_until(lambda: negative.id in _completed(cluster), what="the framework is removed")


def test_a14_records_are_counted_in_bytes_whatever_the_chunks(cluster: Cluster) -> None:
    """A14, the side that writes."""
    info = framework_info(hostname="h\u00f6lle \U0001f525")
    body = json.dumps({"type": "SUBSCRIBE"}).encode()
    head = f"POST /api/v1 HTTP/1.1\r\nHost: {cluster.master}\r\nContent-Type: {JSON}\r\n"
    head += f"Accept: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    with (
        Scheduler(cluster.master, info) as scheduler,
        socket.create_connection(cluster.master, timeout=10) as connection,
    ):
        connection.sendall(head.encode() + body)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        read = records(iter(lambda: answer.read(1), b""))  # a byte at a time

        snapshot = json.loads(next(read))
        heartbeat = json.loads(next(read))

        frameworks = snapshot["subscribed"]["get_state"]["get_frameworks"]["frameworks"]
        infos = {f["framework_info"]["id"]["value"]: f["framework_info"] for f in frameworks}
        assert infos[scheduler.id]["hostname"] == info["hostname"]
        assert heartbeat["type"] == "HEARTBEAT"


@pytest.mark.parametrize("body", [b"x\n{}", b"-1\n{}", b"99999999999999999999\n{}", b"5\n{}", b""])
def test_a14_records_that_are_none_are_refused(cluster: Cluster, body: bytes) -> None:
    """A14, the side that reads: only an agent ever reads records."""
    headers = {
        "Content-Type": "application/recordio",
        "Message-Content-Type": JSON,
        "Accept": JSON,
    }

    answer = request(cluster.agent, "POST", "/api/v1", body, headers)

    assert 400 <= answer.status < 500, answer.text


def test_a16_what_a_framework_is_may_not_be_updated(cluster: Cluster) -> None:
    """A16: user, principal, checkpoint; and constraints for a role that it has not."""
    with Scheduler(cluster.master, framework_info(principal="p")) as scheduler:
        changes = ({"user": "nobody"}, {"principal": "q"}, {"checkpoint": False})
        answers = [_update(scheduler, **change) for change in changes]
        foreign = {"role_constraints": {"others": {"groups": []}}}

        assert [answer.status for answer in answers] == [400, 400, 400]
        assert _update(scheduler, offer_constraints=foreign).status == 400


def test_a16_what_a_framework_calls_itself_may_be_updated(cluster: Cluster) -> None:
    """A16."""
    with Scheduler(cluster.master) as scheduler:
        labels = {"labels": [{"key": "a", "value": "b"}]}
        news = {"name": "renamed", "failover_timeout": 90.0, "labels": labels}

        assert _update(scheduler, **news).status == 200

        shown_ = get(cluster.master, f"/frameworks?framework_id={scheduler.id}")["frameworks"][0]
        assert (shown_["name"], shown_["failover_timeout"]) == ("renamed", 90.0)
        assert shown_["labels"] == labels["labels"]


def test_a16_a_role_that_is_added_is_offered_for(cluster: Cluster) -> None:
    """A16."""
    with Scheduler(cluster.master) as scheduler:
        added = f"{scheduler.role}-added"
        scheduler.decline(scheduler.offer(), refuse_seconds=600.0)

        assert _update(scheduler, roles=[scheduler.role, added]).status == 200
        assert _role(scheduler.offer()) == added


def test_a16_a_role_that_is_removed_loses_its_offers(cluster: Cluster) -> None:
    """A16."""
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        other = f"{scheduler.role}-other"

        assert _update(scheduler, roles=[other]).status == 200

        rescinded = scheduler.stream.take("RESCIND")["rescind"]["offer_id"]
        assert rescinded == offer["id"]
        assert _role(scheduler.offer()) == other


def _update(scheduler: Scheduler, offer_constraints: Json | None = None, **changes: Any) -> Answer:
    info = {**scheduler.info, "id": {"value": scheduler.id}, **changes}
    more = {} if offer_constraints is None else {"offer_constraints": offer_constraints}
    return scheduler.call("UPDATE_FRAMEWORK", framework_info=info, **more)


def _role(offer: Json) -> str:
    role: str = offer["allocation_info"]["role"]
    return role


def test_a15_a_standby_sends_everybody_to_the_leader_if_it_knows_one(
    own_cluster: Callable[..., OwnCluster], tmp_path: Path
) -> None:
    """A15. 307 with the path kept (behind /master, mesos-observed.md 11); 503 without a leader."""
    (tmp_path / "redis").mkdir()
    with redis_server(tmp_path / "redis") as redis:
        store = ("--store", f"redis://127.0.0.1:{redis.port}?lease=1")
        cluster = own_cluster(agents=0, master_flags=store)
        wait_until(
            lambda: request(cluster.master, "GET", "/state").status == 200, what="the first leads"
        )
        standby = Process("master", tmp_path / "standby", *store)
        try:
            standby.listens()
            wait_until(
                lambda: request(standby.address, "GET", "/state").status == 307,
                what="the second knows the leader",
            )
            answer = request(standby.address, "POST", f"{PATH}?x=1", b"no call at all")
            assert answer.status == 307
            assert answer.headers["location"] == f"//{cluster.master}/master{PATH}?x=1"

            os.kill(redis.process.pid, signal.SIGSTOP)  # now nobody leads: they can't tell
            cluster.the_master.kill()
            standby.kill()
            standby.start()
            answer = request(standby.address, "POST", PATH, b"no call at all")
            assert answer.status == 503
            assert answer.text == "No leader elected"
        finally:
            os.kill(redis.process.pid, signal.SIGCONT)
            standby.end()
