"""The dependency graph. Source: Marathon, docs/application-groups.md."""

from marathon_app.core.dependencies import Dependencies
from marathon_app.core.root import GroupRecord, Spec
from tests.marathon_app.core.world import make_app


def graph(apps: dict[str, list[str]], groups: dict[str, list[str]] | None = None) -> Dependencies:
    specs = {i: Spec(make_app(i, dependencies=wanted), "v") for i, wanted in apps.items()}
    records = {i: GroupRecord(i, "v", tuple(wanted)) for i, wanted in (groups or {}).items()}
    return Dependencies(specs, records)


def test_an_apps_level_is_its_longest_way_down() -> None:
    found = graph({"/a": ["/b", "/d"], "/b": ["/c"], "/c": ["/d"], "/d": []})

    assert [found.level(i) for i in ("/a", "/b", "/c", "/d")] == [3, 2, 1, 0]


def test_a_dependency_on_a_group_is_one_on_all_of_its_apps() -> None:
    found = graph({"/a": ["/g"], "/g/b": [], "/g/h/c": []}, {"/g": [], "/g/h": []})

    assert found.of("/a") == ["/g/b", "/g/h/c"]


def test_a_groups_dependencies_are_those_of_its_apps() -> None:
    found = graph({"/g/h/a": [], "/b": []}, {"/": [], "/g": ["/b"], "/g/h": []})

    assert found.of("/g/h/a") == ["/b"]


def test_what_does_not_exist_is_not_waited_for() -> None:
    assert graph({"/a": ["/nobody"]}).of("/a") == []


def test_a_circle_is_named() -> None:
    found = graph({"/a": ["/b"], "/b": ["/c"], "/c": ["/b"], "/d": []})

    assert found.cycle(["/d", "/a"]) == ["/b", "/c", "/b"]
    assert found.cycle(["/d"]) is None


def test_a_long_chain_needs_no_deep_stack() -> None:
    chain = {f"/a{n}": [f"/a{n + 1}"] for n in range(2_000)} | {"/a2000": []}

    found = graph(chain)

    assert found.cycle(["/a0"]) is None
    assert found.level("/a0") == 2_000
