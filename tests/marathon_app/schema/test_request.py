"""Reading whole apps and merging partial ones."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marathon_app.schema.app import App
from marathon_app.schema.problem import details
from marathon_app.schema.reading import without_nulls
from marathon_app.schema.request import merge, read_app, read_update

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
FIELDS = sorted([*App.__struct_encode_fields__, "ports", "uris", "ipAddress"])


def whole(**fields: Any) -> App:
    reading = read_app({"id": "/a", "cmd": "x", **fields})
    assert reading.app is not None and not reading.problems, reading
    return reading.app


def updated(app: App, **fields: Any) -> App:
    reading = read_update(fields, app_id=app.id)
    assert reading.app is not None
    merged = merge(app, reading.app, reading.given)
    assert not merged.problems, merged.problems
    return merged.app


def test_all_broken_rules_are_named_at_once() -> None:
    """Source: Marathon §2.2, 422 "Object is not valid"."""
    reading = read_app({"id": "/a", "cpus": -1, "upgradeStrategy": {"minimumHealthCapacity": 2}})

    assert [(found.path, len(found.errors)) for found in details(reading.problems)] == [
        ("/", 1),
        ("/cpus", 1),
        ("/upgradeStrategy/minimumHealthCapacity", 1),
    ]


def test_an_app_without_id_is_refused_by_name() -> None:
    assert read_app({"cmd": "x"}).invalid_types[0].path == "/id"


@pytest.mark.parametrize("body", [[], "x", 1, None, True])
def test_what_is_no_object_is_no_app(body: object) -> None:
    assert read_app(body).invalid_types[0].message == "error.expected.jsobject"


def test_what_an_answer_added_may_be_sent_back_without_a_warning() -> None:
    reading = read_app({"id": "/a", "cmd": "x", "tasksRunning": 1, "deployments": [], "tasks": []})
    assert reading.unknown == ()


def test_apps_run_in_the_role_of_their_marathon() -> None:
    body = {"id": "/a", "cmd": "x", "acceptedResourceRoles": ["*", "ops"]}
    reading = read_app(body, role="ops")
    assert reading.problems == () and reading.app is not None and reading.app.role == "ops"
    assert [p.path for p in read_app({**body, "role": "x"}, role="ops").problems] == [
        "/role",
        "/acceptedResourceRoles(1)",
    ]


def test_versions_are_ours_to_say() -> None:
    info = {"lastScalingAt": "x", "lastConfigChangeAt": "y"}
    app = whole(version="2001-01-01T00:00:00.000Z", versionInfo=info)
    assert (app.version, app.version_info) == ("", None)


def test_a_given_field_replaces_the_whole_old_value() -> None:
    """Source: §2.3: merges only top-level fields."""
    app = whole(env={"A": "1", "B": "2"}, labels={"x": "y"})
    assert updated(app, env={"C": "3"}).env == {"C": "3"}
    assert updated(app, env={"C": "3"}).labels == {"x": "y"}


def test_an_update_of_nothing_changes_nothing() -> None:
    app = whole(
        portDefinitions=[], healthChecks=[{"protocol": "COMMAND", "command": {"value": "x"}}]
    )
    assert updated(app) == app


def test_an_identical_definition_is_the_same_app() -> None:
    app = whole(instances=3)
    assert updated(app, cmd="x", instances=3) == app


def test_args_replace_cmd_and_the_other_way_round() -> None:
    app = updated(whole(), args=["y"])
    assert (app.cmd, app.args) == (None, ("y",))
    assert updated(app, cmd="z").args == ()


def test_a_new_network_mode_drops_the_ports_of_the_old_one() -> None:
    container = {"type": "MESOS", "docker": {"image": "i"}}
    bridged = updated(whole(), networks=[{"mode": "container/bridge"}], container=container)
    assert bridged.port_definitions is None

    hosted = updated(bridged, networks=[{"mode": "host"}])

    assert hosted.port_definitions is not None and not hosted.port_mappings


def test_a_merged_app_is_checked_as_a_whole() -> None:
    """An index that was fine before may point nowhere after."""
    app = whole(healthChecks=[{"portIndex": 0}])
    reading = read_update({"portDefinitions": []}, app_id="/a")
    assert reading.app is not None
    assert merge(app, reading.app, reading.given).problems[0].path == "/healthChecks(0)/portIndex"


def test_an_update_of_an_unknown_app_is_its_definition() -> None:
    reading = read_update({"cmd": "x"}, app_id="/new")
    assert reading.app is not None
    merged = merge(None, reading.app, reading.given)
    assert merged.problems == () and merged.app.id == "/new" and merged.app.port_definitions


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6) | JSON)
def test_no_json_at_all_makes_the_reader_raise(body: object) -> None:
    reading = read_app(without_nulls(body))
    if reading.app is not None:
        update = read_update(without_nulls(body), app_id="/a")
        assert update.app is not None
        merge(whole(), update.app, update.given)
