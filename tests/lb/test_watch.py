"""When Marathon is asked, HAProxy told and a task released: the machine, without any I/O."""

import json
from typing import Any, get_args

from kernel.machine import DeadlineReached, Now
from lb import events as e
from lb.collect import Options
from lb.diff import AddServer, RemoveServer, SetState, after
from lb.marathon import decode_apps
from lb.model import Model
from lb.render import Settings, fingerprint
from lb.stats import Running, ServerState
from lb.watch import _HANDLERS, Watch
from tests.lb.examples import app, model_of, task

KEY = ("web_10000", "127_0_0_1_31000")


def running_of(model: Model, leaving: int = 0) -> Running:
    return Running(
        fingerprint(model, Settings()),
        tuple(backend.name for backend in model.backends),
        {b.name: {s.name: ServerState.READY for s in b.servers} for b in model.backends},
        leaving,
    )


class Talk:
    """Plays a conversation with one machine on a virtual clock."""

    def __init__(self) -> None:
        self.watch = Watch(Options(), Settings())
        self.at_ms = 1_000_000
        self.unseen: list[e.Effect] = []
        self.all: list[e.Effect] = []

    def tell(self, event: e.Event) -> list[e.Effect]:
        effects = self.watch.step(event, Now(self.at_ms, self.at_ms))
        self.watch.check_invariants()
        self.unseen += effects
        self.all += effects
        return effects

    def expect(self, effect: e.Effect, within_ms: int = 10_000) -> int:
        """Let time pass until the machine wants this; what it wanted before is done with."""
        began_ms = self.at_ms
        while effect not in self.unseen:
            assert self.wait(began_ms + within_ms - self.at_ms), f"no {effect}"
        del self.unseen[: self.unseen.index(effect) + 1]
        return self.at_ms - began_ms

    def wait(self, at_most_ms: int = 100_000) -> list[e.Effect]:
        """Let time pass until the machine wants something."""
        end_ms = self.at_ms + at_most_ms
        while True:
            deadline_ms = self.watch.next_deadline_ms()
            if deadline_ms is None or deadline_ms > end_ms:
                self.at_ms = end_ms
                return []
            self.at_ms = max(self.at_ms + 1, deadline_ms)
            effects = self.tell(DeadlineReached())
            if effects:
                return effects

    def fetched(self, *apps: Any, number: int | None = None) -> list[e.Effect]:
        readable, unreadable = decode_apps(_listing(apps))
        number = self.watch.fetching.number if number is None else number
        return self.tell(e.AppsFetched(number, readable, unreadable, {}))

    def kill_announced(self, *others: Any) -> None:
        """Of web.0, one of two tasks; and the list of apps that says so."""
        self.tell(e.TaskKillAnnounced("web.0"))
        if not self.watch.fetching.is_under_way:
            self.wait()
        self.fetched(killing(), *others)

    def serving(self, *apps: Any) -> "Talk":
        """Until the machine has nothing to do: these apps run and are served."""
        assert self.tell(e.StreamOpened()) == [e.FetchApps(1)]
        self.fetched(*apps)
        model = model_of(*apps)
        self.tell(e.HaproxyFound(running_of(model)))
        self.tell(e.ServersRead(running_of(model)))
        assert self.watch.haproxy.applied == model
        return self


def _listing(apps: Any) -> bytes:
    return json.dumps({"apps": apps}).encode()


def killing(number: int = 0) -> dict[str, Any]:
    tasks = [task(f"web.{n}", 31_000 + n) for n in range(2)]
    tasks[number]["state"] = "TASK_KILLING"
    return app(tasks=0) | {"tasks": tasks}


def test_every_event_has_a_handler() -> None:
    assert dict.fromkeys(get_args(e.Event)) == dict.fromkeys(_HANDLERS)


def test_a_first_start_serves_something_before_marathon_is_known() -> None:
    talk = Talk()

    assert talk.tell(e.HaproxyAbsent()) == [e.StartLastGood()]


def test_a_new_task_is_added_without_a_reload() -> None:
    talk = Talk().serving(app(tasks=1))
    talk.at_ms += 1000

    assert talk.tell(e.AppsChanged()) == [e.FetchApps(2)]
    (effect,) = talk.fetched(app(tasks=2))

    assert isinstance(effect, e.ChangeServers)
    (change,) = effect.changes
    assert isinstance(change, AddServer) and change.server.port == 31_001


def test_a_new_app_takes_a_reload() -> None:
    talk = Talk().serving(app())
    talk.at_ms += 1000
    talk.tell(e.AppsChanged())

    apps = (app(), app("/new", 10_001))
    assert talk.fetched(*apps) == [e.ApplyConfig(model_of(*apps))]


def test_events_that_come_together_cause_one_look_and_one_more_after_it() -> None:
    talk = Talk().serving(app())
    talk.at_ms += 1000

    asked = [talk.tell(e.AppsChanged()) for _ in range(20)]

    assert asked == [[e.FetchApps(2)]] + [[]] * 19
    assert talk.fetched(app()) == []
    assert talk.wait(100) == [e.FetchApps(3)]
    assert talk.fetched(app()) == []
    assert talk.wait(50_000) == []


def test_a_task_about_to_be_killed_is_drained_closed_and_then_acknowledged() -> None:
    talk = Talk().serving(app(tasks=2))

    talk.kill_announced()
    for state in (ServerState.DRAIN, ServerState.MAINT):
        talk.expect(e.ChangeServers((SetState(*KEY, state),)))
        talk.tell(e.ServersChanged((SetState(*KEY, state),)))
        talk.expect(e.ReadSessions((KEY,)))
        assert e.Acknowledge(("web.0",)) not in talk.tell(e.SessionsRead({KEY: 1}, 0))
        talk.expect(e.ReadSessions((KEY,)))
        talk.tell(e.SessionsRead({KEY: 0}, 0))

    talk.expect(e.Acknowledge(("web.0",)), within_ms=0)
    talk.expect(e.ChangeServers((RemoveServer(*KEY),)))
    talk.tell(e.ServersChanged((RemoveServer(*KEY),)))
    talk.fetched(killing())
    talk.expect(e.SaveConfig(talk.watch.wish.model or Model()))


def test_sessions_that_do_not_end_are_given_five_seconds() -> None:
    talk = Talk().serving(app(tasks=2))
    talk.at_ms += 1_000
    began_ms = talk.at_ms
    talk.kill_announced()
    talk.tell(e.ServersChanged((SetState(*KEY, ServerState.DRAIN),)))

    while e.Acknowledge(("web.0",)) not in talk.all:
        talk.expect(e.ReadSessions((KEY,)))
        talk.tell(e.SessionsRead({KEY: 1}, 0))

    assert 5_000 <= talk.at_ms - began_ms < 5_600  # nobody waits any more: polls are rarer


def test_a_list_asked_for_before_the_news_does_not_bring_a_task_back() -> None:
    talk = Talk().serving(app(tasks=2))
    talk.at_ms += 1000
    talk.tell(e.AppsChanged())  # fetch 2 is under way
    talk.tell(e.TaskKillAnnounced("new.0"))  # of which we have not heard yet

    talk.fetched(app() | {"tasks": [task("web.0", 31_000), task("new.0", 31_001)]}, number=2)

    model = talk.watch.wish.model
    assert model is not None and len(model.backends[0].servers) == 1


def test_the_last_task_leaves_together_with_the_arrival_of_its_successor() -> None:
    talk = Talk().serving(app(tasks=1))
    talk.at_ms += 1000
    talk.tell(e.AppsChanged())  # fetch 2, which shows the time before the successor was healthy
    assert talk.tell(e.TaskKillAnnounced("web.0")) == []
    assert talk.fetched(app(tasks=1), number=2) == []

    talk.expect(e.FetchApps(3))
    (effect,) = talk.fetched(killing(), number=3)

    assert isinstance(effect, e.ChangeServers)
    arrival, departure = effect.changes
    assert isinstance(arrival, AddServer) and arrival.server.port == 31_001
    assert departure == SetState(*KEY, ServerState.DRAIN)


def test_a_list_of_apps_that_does_not_come_is_waited_for_two_seconds() -> None:
    talk = Talk().serving(app(tasks=2))
    talk.at_ms += 1000

    talk.tell(e.TaskKillAnnounced("web.0"))

    assert talk.expect(e.ChangeServers((SetState(*KEY, ServerState.DRAIN),))) == 2_000


def test_a_kill_that_was_called_off_brings_the_task_back() -> None:
    talk = Talk().serving(app(tasks=2))
    talk.at_ms += 1000
    talk.kill_announced()
    talk.tell(e.ServersChanged((SetState(*KEY, ServerState.DRAIN),)))
    talk.tell(e.AppsChanged())
    talk.wait(100)

    effects = talk.fetched(app(tasks=2), number=3)

    model = talk.watch.wish.model
    assert model is not None and len(model.backends[0].servers) == 2
    assert (
        effects == [e.ChangeServers((SetState(*KEY, ServerState.READY),))]
        or talk.watch.haproxy.doing
    )


def test_while_an_old_worker_lives_the_servers_it_knew_count_as_busy() -> None:
    apps = (app(tasks=2), app("/new", 10_001))
    talk = Talk().serving(apps[0])
    talk.at_ms += 1000
    talk.tell(e.AppsChanged())
    talk.fetched(*apps)
    talk.tell(e.ConfigApplied(running_of(model_of(*apps), leaving=1), model_of(*apps), 50))
    talk.kill_announced(app("/new", 10_001))
    for state in (ServerState.DRAIN, ServerState.MAINT):
        talk.expect(e.ChangeServers((SetState(*KEY, state),)))
        talk.tell(e.ServersChanged((SetState(*KEY, state),)))
        talk.expect(e.ReadSessions((KEY,)))
        talk.tell(e.SessionsRead({KEY: 0}, 1))
    talk.tell(e.ServersChanged((RemoveServer(*KEY),)))
    assert e.Acknowledge(("web.0",)) not in talk.unseen

    talk.expect(e.ReadSessions(()))
    talk.tell(e.SessionsRead({}, 0))

    talk.expect(e.Acknowledge(("web.0",)), within_ms=0)


def test_a_refused_configuration_is_not_tried_again_until_it_is_different() -> None:
    apps = (app(), app("/new", 10_001))
    talk = Talk().serving(app())
    talk.at_ms += 1000
    talk.tell(e.AppsChanged())
    talk.fetched(*apps)

    mark = fingerprint(model_of(*apps), Settings())
    assert talk.tell(e.ConfigRefused(mark, "no")) == []
    assert not any(isinstance(effect, e.ApplyConfig) for effect in talk.wait(50_000))
    assert talk.watch.haproxy.report.last_error == (talk.watch.haproxy.report.last_error or (0,))[
        :1
    ] + ("no",)
    assert talk.fetched(app(), app("/new", 10_002)) != []


def test_a_backend_at_fault_is_left_out_and_the_rest_is_applied() -> None:
    apps = (app(), app("/bad", 10_001), app("/good", 10_002))
    talk = Talk().serving(app())
    talk.at_ms += 1000
    talk.tell(e.AppsChanged())
    talk.fetched(*apps)

    (effect,) = talk.tell(e.ConfigRefused("x", "no", {"bad_10001": "is bad"}))

    assert isinstance(effect, e.ApplyConfig)
    assert [backend.name for backend in effect.model.backends] == ["good_10002", "web_10000"]
    assert effect.model.warnings[0].app_id == "/bad"


def test_reloads_have_a_budget() -> None:
    talk = Talk().serving(app())
    reloads_at_ms = []
    for number in range(8):
        apps = (app(), app("/new", 10_001 + number, tasks=0))
        talk.at_ms += 50
        talk.tell(e.AppsChanged())
        effects = talk.fetched(*apps)
        while not any(isinstance(effect, e.ApplyConfig) for effect in effects):
            effects = talk.wait()
        reloads_at_ms.append(talk.at_ms)
        model = model_of(*apps)
        talk.tell(e.ConfigApplied(running_of(model), model, 50))

    assert reloads_at_ms[4] - reloads_at_ms[0] < 500
    assert reloads_at_ms[7] - reloads_at_ms[4] > 2_000


def test_an_haproxy_that_ended_is_started_again_soon_and_then_less_often() -> None:
    talk = Talk().serving(app())
    talk.at_ms += 60_000

    assert e.ApplyConfig(model_of(app())) in talk.tell(e.HaproxyStopped("killed"))
    pauses_ms = []
    for _ in range(7):
        talk.tell(e.StartFailed("no"))
        before_ms = talk.at_ms
        while not any(isinstance(effect, e.ApplyConfig) for effect in talk.wait()):
            pass
        pauses_ms.append(talk.at_ms - before_ms)
    assert pauses_ms == [100, 200, 400, 800, 1_600, 3_000, 3_000]


def test_without_haproxy_a_kill_need_not_wait() -> None:
    talk = Talk()
    talk.tell(e.StreamOpened())
    talk.fetched(killing())
    assert talk.watch.drain.waiting_count() == 1
    talk.tell(e.HaproxyAbsent())

    talk.expect(e.Acknowledge(("web.0",)), within_ms=0)
    talk.tell(e.StartFailed("none", is_missing=True))
    assert talk.watch.haproxy.report.haproxy == "missing"


def test_an_acknowledgement_that_was_not_heard_is_repeated() -> None:
    talk = Talk().serving(app())
    talk.at_ms += 1000
    assert e.Acknowledge(("t",)) in talk.tell(e.TaskKillAnnounced("t"))

    talk.unseen.clear()
    talk.tell(e.AcknowledgeFailed(("t",), "gone"))
    began_ms = talk.at_ms
    while e.Acknowledge(("t",)) not in talk.unseen:
        talk.tell(e.SessionsRead({}, 0))
        talk.wait()

    assert 300 <= talk.at_ms - began_ms < 400


def test_a_marathon_that_came_back_hears_again_who_is_out() -> None:
    talk = Talk().serving(app())
    talk.at_ms += 1000
    assert e.Acknowledge(("t",)) in talk.tell(e.TaskKillAnnounced("t"))

    talk.tell(e.StreamClosed("gone"))

    assert e.Acknowledge(("t",)) in talk.tell(e.StreamOpened())


def test_after_trouble_haproxy_is_asked_what_it_has_before_anything_else() -> None:
    talk = Talk().serving(app())
    talk.at_ms += 1000
    talk.tell(e.AppsChanged())
    (effect,) = talk.fetched(app(tasks=2))
    assert isinstance(effect, e.ChangeServers)

    assert talk.tell(e.HaproxyUnreachable("silence")) == []

    assert e.ReadServers() in talk.wait()
    again = talk.tell(e.ServersRead(running_of(model_of(app()))))
    assert again == [effect]


def test_a_machine_at_rest_asks_once_a_minute() -> None:
    talk = Talk().serving(app())
    asked = []
    for _ in range(4):
        effects = talk.wait(130_000)
        asked += [type(effect).__name__ for effect in effects]
        for effect in effects:
            if isinstance(effect, e.FetchApps):
                talk.fetched(app())
            elif isinstance(effect, e.ReadServers):
                talk.tell(e.ServersRead(running_of(model_of(app()))))

    assert sorted(asked) == ["FetchApps"] * 4 + ["ReadServers"] * 4


def test_what_haproxy_has_after_a_change_is_what_it_was_told() -> None:
    model = model_of(app())
    gone = after(running_of(model), RemoveServer(*KEY))

    assert gone.servers["web_10000"] == {}
