"""What the labels of marathon-lb mean here, and what they can never do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lb.labels import LABELS, VALUE_LENGTH_MAX, read_labels
from lb.model import Auth, Mode, Settings


@pytest.mark.parametrize(
    ("label", "text", "field", "value"),
    [
        ("HAPROXY_GROUP", "external, internal", "groups", ("external", "internal")),
        ("HAPROXY_0_GROUP", "external", "groups", ("external",)),
        ("HAPROXY_0_ENABLED", "false", "enabled", False),
        ("HAPROXY_0_ENABLED", "T", "enabled", True),
        ("HAPROXY_0_VHOST", "A.example, b.example", "vhosts", ("a.example", "b.example")),
        ("HAPROXY_0_PATH", "/api", "path_prefixes", ("/api",)),
        ("HAPROXY_0_PATH", "-i /api /v1", "path_prefixes", ("/api", "/v1")),
        ("HAPROXY_0_PATH", "-i /api /v1", "path_ignores_case", True),
        ("HAPROXY_0_BACKEND_WEIGHT", "-3", "rule_weight", -3),
        ("HAPROXY_0_MODE", "http", "mode", Mode.HTTP),
        ("HAPROXY_0_BALANCE", "leastconn", "balance", "leastconn"),
        ("HAPROXY_0_BALANCE", "static-rr", "balance", "roundrobin"),
        ("HAPROXY_0_BALANCE", "hdr(X-User)", "balance", "hdr(X-User)"),
        ("HAPROXY_0_BALANCE", "url_param  user", "balance", "url_param user"),
        ("HAPROXY_0_STICKY", "Yes", "sticky", True),
        ("HAPROXY_0_STICKY", "1", "sticky", False),
        ("HAPROXY_0_PORT", "80", "port", 80),
        ("HAPROXY_0_BIND_ADDR", "*", "bind_addr", "0.0.0.0"),
        ("HAPROXY_0_BIND_ADDR", "127.0.0.2", "bind_addr", "127.0.0.2"),
        ("HAPROXY_0_BIND_OPTIONS", "accept-proxy", "bind_options", ("accept-proxy",)),
        ("HAPROXY_0_SSL_CERT", "shop/cert.pem", "ssl_cert", "shop/cert.pem"),
        ("HAPROXY_0_REDIRECT_TO_HTTPS", "true", "redirect_to_https", True),
        ("HAPROXY_0_USE_HSTS", "true", "use_hsts", True),
        ("HAPROXY_0_AUTH", "realm:user:$5$a$b", "auth", Auth("realm", "user", "$5$a$b")),
        ("HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL", "::1 10.0.0.0/8", "allowed_networks",
         ("::1/128", "10.0.0.0/8")),
        ("HAPROXY_0_HTTP_BACKEND_REDIR", "/start", "redirect_root_to", "/start"),
        ("HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH", "/a", "proxypass_path", "/a"),
        ("HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH", "/a", "revproxy_path", "/a"),
        ("HAPROXY_0_BACKEND_HEALTHCHECK_PORT_INDEX", "1", "health_check_port_index", 1),
    ],
)  # fmt: skip
def test_a_label_means_what_it_means_to_marathon_lb(
    label: str, text: str, field: str, value: object
) -> None:
    """Source: marathon-lb, Longhelp.md, "Application Labels"."""
    reading = read_labels("/app", {label: text}, 1)

    assert reading.warnings == ()
    assert getattr(reading.settings[0], field) == value


def test_the_group_of_a_port_beats_that_of_the_app() -> None:
    labels = {"HAPROXY_GROUP": "external", "HAPROXY_1_GROUP": "internal"}

    first, second = read_labels("/app", labels, 2).settings

    assert first is not None and first.groups == ("external",)
    assert second is not None and second.groups == ("internal",)


@pytest.mark.parametrize(
    ("label", "text", "word"),
    [
        ("HAPROXY_0_VHOST", "exa mple.com", "host name"),
        ("HAPROXY_0_VHOST", "bücher.example", "xn--"),
        ("HAPROXY_0_MODE", "udp", "http and tcp"),
        ("HAPROXY_0_BALANCE", "roundrobin\n  stats enable", "known are"),
        ("HAPROXY_0_PORT", "eighty", "1 to 65535"),
        ("HAPROXY_0_PORT", "0", "1 to 65535"),
        ("HAPROXY_0_BACKEND_WEIGHT", "1.5", "integer"),
        ("HAPROXY_9_VHOST", "a.example.com", "the app has 1"),
        ("HAPROXY_VHOST", "a.example.com", "HAPROXY_0_VHOST"),
        ("HAPROXY_0_FRONTEND_HEAD", "frontend x\n", "not applied"),
        ("HAPROXY_0_BACKEND_HTTP_OPTIONS", "lua-load /x\n", "not applied"),
        ("HAPROXY_DEPLOYMENT_GROUP", "blue", "blue/green"),
        ("HAPROXY_0_NONSENSE", "x", "not a label"),
    ],
)
def test_a_label_that_cannot_be_read_is_reported_and_left_out(
    label: str, text: str, word: str
) -> None:
    reading = read_labels("/app", {label: text}, 1)

    assert reading.settings == (Settings(),)
    (warning,) = reading.warnings
    assert warning.app_id == "/app" and warning.label == label
    assert word in warning.message


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("HAPROXY_0_AUTH", "user:password"),
        ("HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL", "10.0.0.0/99"),
        ("HAPROXY_0_PATH", "/api -f /etc/passwd"),
        ("HAPROXY_0_BIND_ADDR", "everywhere"),
        ("HAPROXY_0_SSL_CERT", "../../etc/ssl/private/key.pem"),
        ("HAPROXY_0_SSL_CERT", "/etc/shadow"),
        ("HAPROXY_0_BIND_OPTIONS", "user root"),
    ],
)
def test_a_port_whose_protection_cannot_be_read_is_not_served(label: str, text: str) -> None:
    reading = read_labels("/app", {label: text}, 1)

    assert reading.settings == (None,)
    assert "not served" in reading.warnings[0].message


def test_a_value_of_another_type_or_of_great_length_is_reported() -> None:
    labels = {"HAPROXY_0_PORT": 80, "HAPROXY_0_VHOST": "a" * (VALUE_LENGTH_MAX + 1)}

    reading = read_labels("/app", labels, 1)

    assert [warning.message for warning in reading.warnings] == [
        "is not a string",
        "is longer than 4096 characters",
    ]


_NASTY = st.text(st.sampled_from("\n\r\t \"'#\\${}%;|<>`\0\x7f é/.a1-_:()"), max_size=40)


@given(name=st.sampled_from(sorted(LABELS)), text=_NASTY)
def test_no_value_is_let_through_with_a_character_that_could_end_a_word(
    name: str, text: str
) -> None:
    reading = read_labels("/app", {f"HAPROXY_0_{name}": text}, 1)

    (settings,) = reading.settings
    if settings is not None:
        values = str(
            [getattr(settings, field) for field in LABELS[name].fields if field != "groups"]
        )
        assert not any(letter in values for letter in '\n\r\t"#\\%;|<>`\0')


@given(text=_NASTY)
def test_a_warning_is_one_printable_line(text: str) -> None:
    for warning in read_labels(
        "/app", {f"HAPROXY_{text}": text, "HAPROXY_0_MODE": text}, 1
    ).warnings:
        assert warning.message.isprintable() and warning.label.isprintable()
