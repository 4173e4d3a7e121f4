"""The form and the JSON are one app: nothing is lost between them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from web.present import app_form
from web.present.app_form import FIRST_APP, NEW_APP, Pair, PortRow, Values

FULL: dict[str, Any] = {
    "id": "/shop/web",
    "cmd": "run",
    "cpus": 0.5,
    "mem": 64.0,
    "instances": 3,
    "env": {"A": "1", "PASSWORD": {"secret": "db"}, "TEXT": "two\nlines"},
    "secrets": {"db": {"source": "/db"}},
    "labels": {"HAPROXY_0_VHOST": "a.example.org", "team": "blue"},
    "portDefinitions": [{"port": 80, "protocol": "tcp", "name": "http", "labels": {"VIP_0": "x"}}],
    "healthChecks": [
        {"protocol": "HTTP", "path": "/", "ignoreHttp1xx": True},
        {"protocol": "TCP"},
    ],
    "constraints": [["hostname", "UNIQUE"], ["rack", "LIKE", "r1"]],
    "upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0},
    "unknownToTheForm": {"deep": [1, {"x": None}]},
    "dependencies": ["/db"],
    "requirePorts": False,
}


def changed(app: dict[str, Any], **scalars: str) -> tuple[dict[str, Any], dict[str, str]]:
    values = app_form.values_of(app)
    fields = {name: getattr(values, name) for name in values.__struct_fields__}
    fields["scalars"] = {**values.scalars, **scalars}
    return app_form.app_of(Values(**fields), app)


def test_an_untouched_form_gives_the_same_app() -> None:
    for app in (FULL, dict(FIRST_APP), {"id": "/x", "instances": 1}):
        assert app_form.app_of(app_form.values_of(app), app) == (app, {})


def test_a_changed_field_changes_that_key_and_no_other() -> None:
    app, errors = changed(FULL, mem="128", vhost="b.example.org")

    assert errors == {}
    assert app == {
        **FULL,
        "mem": 128,
        "labels": {**FULL["labels"], "HAPROXY_0_VHOST": "b.example.org"},
    }


def test_an_emptied_field_is_unset() -> None:
    app, _ = changed(FULL, cmd="", vhost="")

    assert "cmd" not in app
    assert app["labels"] == {"team": "blue"}


def test_what_is_no_number_is_an_error_at_its_field() -> None:
    for text in ("many", "NaN", "1e999", "Infinity"):
        app, errors = changed(FULL, cpus=text)
        assert list(errors) == ["cpus"]
        assert app["cpus"] == 0.5


def test_a_removed_port_takes_its_own_keys_with_it_and_no_others() -> None:
    two = {**FULL, "portDefinitions": [{"port": 1, "labels": {"a": "1"}}, {"port": 2, "name": "b"}]}
    values = Values(ports=[PortRow("b", "2", "", "tcp", origin=1), PortRow("new", "", "", "udp")])

    app, _ = app_form.app_of(values, two)

    assert app["portDefinitions"] == [
        {"port": 2, "name": "b", "protocol": "tcp"},
        {"port": 0, "name": "new", "protocol": "udp"},
    ]


def test_ports_of_a_container_are_written_in_the_container() -> None:
    ports = [{"containerPort": 80, "hostPort": 0}]
    app = {
        "id": "/x",
        "networks": [{"mode": "container/bridge"}],
        "container": {"type": "DOCKER", "portMappings": ports},
    }
    values = Values(scalars={"id": "/x"}, ports=[PortRow("web", "10080", "8080", "tcp", origin=0)])

    written, _ = app_form.app_of(values, app)

    assert written["container"]["portMappings"] == [
        {
            "containerPort": 8080,
            "hostPort": 0,
            "servicePort": 10080,
            "name": "web",
            "protocol": "tcp",
        }
    ]
    assert "portDefinitions" not in written


def test_secrets_stay_while_plain_variables_change() -> None:
    app, _ = app_form.app_of(Values(env=[Pair("B", "2")]), {"env": FULL["env"]})

    assert app["env"] == {"PASSWORD": {"secret": "db"}, "B": "2"}


def test_taking_the_health_check_away_takes_the_first_one_only() -> None:
    app, _ = app_form.app_of(Values(), FULL)

    assert app["healthChecks"] == [{"protocol": "TCP"}]


def test_a_new_app_needs_nothing_that_the_form_does_not_show() -> None:
    app, errors = changed(dict(NEW_APP), id="/hello", cmd="sleep 1")

    assert errors == {}
    assert (app["id"], app["cmd"], app["instances"]) == ("/hello", "sleep 1", 1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=10,
)
keys = st.sampled_from([*FULL, "container", "networks", "ports", "x"])


@given(st.dictionaries(keys, json_values, max_size=8))
def test_no_json_however_wrong_breaks_the_form(app: dict[str, Any]) -> None:
    written, _ = app_form.app_of(app_form.values_of(app), app)

    assert isinstance(written, dict)
