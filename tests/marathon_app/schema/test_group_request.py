"""Reading groups. Source: Marathon §1.3, docs/docs/application-groups.md."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marathon_app.schema.group_request import read_group
from tests.marathon_app.schema.test_request import JSON

APP = {"cmd": "x"}


def test_a_tree_is_read_with_absolute_ids() -> None:
    body = {
        "id": "prod",
        "apps": [{"id": "web", **APP, "dependencies": ["db/pg"]}],
        "groups": [{"id": "db", "apps": [{"id": "/prod/db/pg", **APP}], "dependencies": ["../x"]}],
    }

    group = read_group(body).group

    assert group is not None
    assert [app.id for app in group.transitive_apps()] == ["/prod/web", "/prod/db/pg"]
    assert group.apps[0].dependencies == ("/prod/db/pg",)
    assert group.groups[0].dependencies == ("/prod/x",)


def test_problems_are_named_from_the_top() -> None:
    body = {"id": "/p", "groups": [{"id": "q", "apps": [{"id": "web", "cpus": -1, **APP}]}]}
    (problem,) = read_group(body).problems
    assert problem.path == "/groups(0)/apps(0)/cpus"


def test_types_are_named_from_the_top() -> None:
    body = {"id": "/p", "apps": [{"id": 1}], "groups": {}}
    assert [found.path for found in read_group(body).invalid_types] == ["/apps(0)/id", "/groups"]


def test_an_app_must_lie_in_its_group() -> None:
    (problem,) = read_group({"id": "/p", "apps": [{"id": "/q/web", **APP}]}).problems
    assert problem.path == "/apps(0)/id" and "not child of /p" in problem.message


def test_members_that_are_not_mentioned_are_kept() -> None:
    reading = read_group({"id": "/p", "groups": [{"id": "q", "apps": []}]})
    assert reading.keeps_apps == ("/p",)
    assert reading.keeps_groups == ("/p/q",)


def test_the_same_app_twice_is_refused() -> None:
    twice = [{"id": "web", **APP}, {"id": "/p/web", **APP}]
    (problem,) = read_group({"id": "/p", "apps": twice}).problems
    assert "twice" in problem.message


def test_pods_are_refused_truthfully() -> None:
    (problem,) = read_group({"id": "/p", "pods": [{"id": "x"}]}).problems
    assert problem.path == "/pods"


def test_a_group_needs_an_id_from_somewhere() -> None:
    assert read_group({"apps": []}).invalid_types[0].path == "/id"
    assert read_group({"apps": []}, "/p").group is not None


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("id", "apps", "groups", "pods", "dependencies"), JSON)
    )
)
def test_no_json_at_all_makes_the_reader_raise(body: object) -> None:
    read_group(body, "/g", "/")
