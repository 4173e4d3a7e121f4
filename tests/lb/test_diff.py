"""From what HAProxy has to what it should have, in runtime commands."""

from lb.diff import AddServer, RemoveServer, SetState, after, arrivals, commands, departures
from lb.render import Settings, fingerprint
from lb.stats import Running, ServerState
from tests.lb.examples import app, model_of

READY, DRAIN, MAINT = ServerState.READY, ServerState.DRAIN, ServerState.MAINT


def running(**servers: ServerState) -> Running:
    mark = fingerprint(model_of(app()), Settings())
    return Running(mark, ("web_10000",), {"web_10000": dict(servers)})


def test_a_new_server_is_added_checked_and_then_made_ready() -> None:
    (change,) = arrivals(running(), model_of(app()))

    assert isinstance(change, AddServer)
    lines = commands(change)
    assert lines[0].startswith("add server web_10000/127_0_0_1_31000 127.0.0.1:31000 check ")
    assert lines[1:] == (
        "enable health web_10000/127_0_0_1_31000",
        "set server web_10000/127_0_0_1_31000 state ready",
    )


def test_a_server_that_was_on_its_way_out_is_taken_back() -> None:
    (change,) = arrivals(running(**{"127_0_0_1_31000": DRAIN}), model_of(app()))

    assert change == SetState("web_10000", "127_0_0_1_31000", READY)
    assert commands(change)[1] == "set server web_10000/127_0_0_1_31000 health up"


def test_a_sticky_backend_computes_the_cookie_of_a_new_server() -> None:
    """Source: HAProxy 2.6: `add server` leaves the dynamic cookie empty."""
    (change,) = arrivals(running(), model_of(app(labels={"HAPROXY_0_STICKY": "true"})))

    assert commands(change)[1] == "set dynamic-cookie-key backend web_10000 web_10000"


def test_backends_that_come_with_the_next_reload_are_left_alone() -> None:
    assert arrivals(running(), model_of(app("/other", 10_001))) == ()


def test_servers_that_nobody_wants_leave() -> None:
    has = running(**{"127_0_0_1_31000": READY, "127_0_0_1_9": READY})

    assert departures(has, model_of(app())) == (("web_10000", "127_0_0_1_9"),)


def test_after_its_changes_nothing_is_left_to_do() -> None:
    has, model = running(old=READY), model_of(app(tasks=3))
    for change in arrivals(has, model):
        has = after(has, change)
    has = after(has, RemoveServer("web_10000", "old"))

    assert arrivals(has, model) == () and departures(has, model) == ()
