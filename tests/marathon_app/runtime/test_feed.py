"""The event stream's frames. Source: Marathon §2.9; C9-C11."""

import msgspec

from kernel.runtime.stream import EventStream
from marathon_app.runtime.feed import Feed

AT = "2026-01-01T00:00:00.000Z"
PLAN = {"id": "d1", "version": AT, "steps": [], "original": {"id": "/"}, "target": {"id": "/"}}


def queued(stream: EventStream) -> list[bytes]:
    """What waits for the reader, by frames."""
    whole = b"".join(stream._chunks)
    return [frame for frame in whole.split(b"\n\n") if frame.strip()]


def attached(feed: Feed, **more: object) -> EventStream:
    return feed.attach(client="127.0.0.1", timestamp=AT, **more)  # type: ignore[arg-type]


def test_the_first_frame_says_that_the_reader_is_attached() -> None:
    stream = attached(Feed("1", 10))
    event, data = queued(stream)[0].split(b"\n")
    assert event == b"event: event_stream_attached"
    assert msgspec.json.decode(data.removeprefix(b"data: ")) == {
        "eventType": "event_stream_attached",
        "timestamp": AT,
        "remoteAddress": "127.0.0.1",
    }


def test_an_event_is_one_frame_with_type_id_and_one_line_of_data() -> None:
    feed = Feed("7", 10)
    stream = attached(feed)

    feed.publish("app_terminated_event", {"appId": "/a"}, AT)

    lines = queued(stream)[1].split(b"\n")
    assert lines[:2] == [b"event: app_terminated_event", b"id: 7-1"]
    assert msgspec.json.decode(lines[2].removeprefix(b"data: ")) == {
        "appId": "/a",
        "eventType": "app_terminated_event",
        "timestamp": AT,
    }
    assert len(lines) == 3


def test_a_reader_gets_only_the_types_that_it_asked_for() -> None:
    feed = Feed("1", 10)
    stream = attached(feed, event_types=("b",))
    feed.publish("a", {}, AT)
    feed.publish("b", {}, AT)
    assert [frame.split(b"\n")[0] for frame in queued(stream)[1:]] == [b"event: b"]


def test_types_that_clients_do_not_know_come_only_when_asked_for() -> None:
    """Source: C10; marathon-python raises on unknown types."""
    feed = Feed("1", 10)
    silent = attached(feed)
    asking = attached(feed, event_types=("scheduler_registered_event",))
    feed.publish("scheduler_registered_event", {}, AT)
    assert (len(queued(silent)), len(queued(asking))) == (1, 2)


def test_a_light_plan_has_neither_original_nor_target() -> None:
    """Source: C9."""
    feed = Feed("1", 10)
    full, light = attached(feed), attached(feed, is_light=True)
    feed.publish("deployment_info", {"plan": PLAN, "currentStep": {}}, AT)
    assert b'"original"' in queued(full)[1] and b'"target"' in queued(full)[1]
    assert b'"original"' not in queued(light)[1] and b'"target"' not in queued(light)[1]


def test_a_reader_that_comes_back_gets_what_it_missed() -> None:
    feed = Feed("1", 10)
    for name in "abcd":
        feed.publish(name, {}, AT)
    stream = attached(feed, last_event_id="1-2")
    assert [f.split(b"\n")[0][7:] for f in queued(stream)[1:]] == [b"c", b"d"]


def test_an_id_of_an_earlier_process_gets_all_that_is_kept() -> None:
    feed = Feed("2", 3)
    for name in "abcd":
        feed.publish(name, {}, AT)
    for event_id in ("1-99", "garbage", "", "2-", "2-999999999999999999999"):
        stream = attached(feed, last_event_id=event_id)
        assert [f.split(b"\n")[0][7:] for f in queued(stream)[1:]] == [b"b", b"c", b"d"]


def test_a_reader_that_falls_behind_is_dropped_and_the_others_are_not() -> None:
    feed = Feed("1", 2, behind_bytes_max=8_000)
    gone: list[str] = []
    slow = attached(feed, on_detached=lambda: gone.append("slow"))

    for _ in range(10):
        feed.publish("a", {"text": "x" * 2000}, AT)

    assert slow.closed and gone == ["slow"] and feed.readers_count == 0


def test_a_blank_line_keeps_the_stream_alive() -> None:
    feed = Feed("1", 10)
    stream = attached(feed)
    feed.keep_alive()
    assert stream._chunks[-1] == b"\n"
