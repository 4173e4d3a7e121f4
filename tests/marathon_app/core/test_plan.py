"""The steps between two roots. Source: Marathon, docs/deployments.md."""

from marathon_app.core.plan import ActionKind, steps_of
from marathon_app.core.root import Delta, Spec
from tests.marathon_app.core.world import make_app


def spec(app_id: str, config: str = "1", **fields: object) -> Spec:
    return Spec(make_app(app_id, **fields), config)


def planned(old: dict[str, Spec | None], new: dict[str, Spec | None]) -> list[list[str]]:
    delta = Delta("v", {i: old.get(i) for i in new}, new)
    apps = {i: found for i, found in (old | new).items() if found is not None}
    words = {kind: kind.value.removesuffix("Application") for kind in ActionKind}
    steps = steps_of(delta, apps, {})
    return [[f"{words[action.kind]} {action.app_id}" for action in step] for step in steps]


def test_what_goes_stops_first_and_what_comes_is_announced_next() -> None:
    old: dict[str, Spec | None] = {"/gone": spec("/gone"), "/db": spec("/db")}
    new = {
        "/gone": None,
        "/web": spec("/web", dependencies=["/db"]),
        "/db": spec("/db", "2", cmd="other"),
    }

    assert planned(old, new) == [
        ["Stop /gone"],
        ["Start /web"],
        ["Restart /db"],
        ["Scale /web"],
    ]


def test_a_new_app_without_instances_is_only_announced() -> None:
    assert planned({}, {"/web": spec("/web", instances=0)}) == [["Start /web"]]


def test_an_app_that_is_set_to_nothing_is_scaled_not_restarted() -> None:
    new: dict[str, Spec | None] = {"/web": spec("/web", "2", instances=0)}

    assert planned({"/web": spec("/web")}, new) == [["Scale /web"]]


def test_an_unchanged_app_between_two_keeps_the_order() -> None:
    old: dict[str, Spec | None] = {
        "/a": spec("/a", dependencies=["/b"]),
        "/b": spec("/b", dependencies=["/c"]),
        "/c": spec("/c"),
    }
    new: dict[str, Spec | None] = {
        "/a": spec("/a", "2", dependencies=["/b"]),
        "/c": spec("/c", "2"),
    }

    assert planned(old, new) == [["Restart /c"], ["Restart /a"]]
