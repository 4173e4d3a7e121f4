"""The configuration's text: golden files that the real HAProxy takes, and no way to inject."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from lb.collect import Options
from lb.model import Model
from lb.render import Settings, UnsafeValue, add_command, fingerprint, render
from tests.lb.examples import app, model_of

GOLDEN = Path(__file__).parent / "golden"
needs_haproxy = pytest.mark.skipif(shutil.which("haproxy") is None, reason="needs haproxy")

HOST = {"HAPROXY_0_VHOST": "shop.example.com"}
EVERYTHING = {
    "HAPROXY_0_VHOST": "Shop.example.com,www.example.com",
    "HAPROXY_0_STICKY": "true",
    "HAPROXY_0_AUTH": "shop:joe:$5$salt$hash",
    "HAPROXY_0_REDIRECT_TO_HTTPS": "true",
    "HAPROXY_0_USE_HSTS": "true",
    "HAPROXY_0_BALANCE": "leastconn",
    "HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL": "127.0.0.0/8 10.1.2.3",
    "HAPROXY_0_HTTP_BACKEND_REDIR": "/start",
    "HAPROXY_0_HTTP_BACKEND_PROXYPASS_PATH": "/a.b",
    "HAPROXY_0_HTTP_BACKEND_REVPROXY_PATH": "/shop/",
    "HAPROXY_0_BIND_OPTIONS": "accept-proxy",
}
TCP = {"healthChecks": [], "labels": {"HAPROXY_0_BALANCE": "source"}}
MODELS = {
    "nothing": Model(),
    "one_app": model_of(app("/web", tasks=2)),
    "hosts_and_paths": model_of(
        app("/shop", 10_000, labels=HOST),
        app("/shop/api", 10_001, labels=HOST | {"HAPROXY_0_PATH": "-i /api /v1"}),
        app("/other", 10_002, labels={"HAPROXY_0_VHOST": "other.example.com"}),
    ),
    "everything": model_of(app("/shop/web", 10_000, tasks=2, labels=EVERYTHING)),
    "tcp": model_of(
        app("/db", 10_000, **TCP),
        app("/inner", 10_001, tasks=0, healthChecks=[])
        | {"labels": {"HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL": "127.0.0.1"}},
    ),
    "ipv6": model_of(app("/web", 10_000), options=Options(bind="::1")),
}


def checked(directory: Path, model: Model, own: Settings | None = None) -> str:
    """What `haproxy -c` complains of."""
    rendered = render(model, own or Settings())
    (directory / "haproxy.cfg").write_text(rendered.config)
    (directory / rendered.map_name).write_text(rendered.map_text)
    done = subprocess.run(
        ["haproxy", "-c", "-f", "haproxy.cfg"], cwd=directory, capture_output=True, text=True
    )
    return "" if done.returncode == 0 and not done.stderr else done.stderr + done.stdout


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_text_is_the_golden_one(name: str) -> None:
    """If a change is meant: write tests/lb/golden anew with `python -m tests.lb.test_render`."""
    rendered = render(MODELS[name], Settings())
    mark = rendered.fingerprint  # also covers the template's own text

    assert rendered.config.replace(mark, "FINGERPRINT") == (GOLDEN / f"{name}.cfg").read_text()


@needs_haproxy
@pytest.mark.parametrize("name", sorted(MODELS))
def test_haproxy_takes_it_without_a_warning(name: str, tmp_path: Path) -> None:
    assert checked(tmp_path, MODELS[name]) == ""


@needs_haproxy
@pytest.mark.parametrize(
    "balance",
    ["first", "source", "uri", "random", "random(3)", "hdr(X-User)", "url_param user", "static-rr"],
)
def test_haproxy_takes_every_way_to_balance(balance: str, tmp_path: Path) -> None:
    labels = {"HAPROXY_0_BALANCE": balance}

    assert checked(tmp_path, model_of(app(labels=labels))) == ""


def test_only_servers_leave_the_fingerprint_as_it_is() -> None:
    own = Settings()
    one = fingerprint(model_of(app(tasks=1)), own)

    assert fingerprint(model_of(app(tasks=3)), own) == one
    assert fingerprint(model_of(app(tasks=1, labels=HOST)), own) != one
    assert fingerprint(model_of(app(tasks=1)), Settings(http_port=9081)) != one
    assert fingerprint(model_of(app(port=10_001)), own) != one


def test_a_server_reads_alike_in_the_file_and_as_a_command() -> None:
    (backend,) = model_of(app()).backends
    (server,) = backend.servers

    command = add_command(backend.name, server)

    _, _, path, rest = command.split(" ", 3)
    assert (
        f" server {path.partition('/')[2]} {rest}\n" in render(model_of(app()), Settings()).config
    )


@given(st.text(st.sampled_from("\n\r \t\"'#\\%{};|<>\0é"), min_size=1, max_size=20))
@settings(max_examples=50)
def test_not_even_a_careless_model_can_write_a_second_word(text: str) -> None:
    """The last guard, for the case that `labels` and `collect` let something through."""
    model = model_of(app(labels=HOST))
    (backend,) = model.backends
    (rule,) = model.rules
    own = backend.settings
    careless = (
        structs.replace(model, backends=(structs.replace(backend, name=f"a{text}"),)),
        structs.replace(model, backends=(structs.replace(backend, app_id=f"/a{text}"),)),
        structs.replace(model, rules=(structs.replace(rule, host=f"a{text}"),)),
        structs.replace(
            model,
            backends=(
                structs.replace(
                    backend, settings=structs.replace(own, redirect_root_to=f"/a{text}")
                ),
            ),
        ),
    )

    for each in careless:
        with pytest.raises(UnsafeValue):
            render(each, Settings())


@needs_haproxy
@pytest.mark.parametrize(
    "attack",
    [
        "x\n  stats enable",
        "x\r\n  stats enable",
        "x # y",
        "x ${HOME}",
        '"${HOME}"',
        "-f /etc/passwd",
        "x lua-load /tmp/x.lua",
        "%[env(HOME)]",
        "a" * 5_000,
        "x\\\n y",
        "é",
        "\0",
    ],
)
def test_attacks_by_label_change_nothing_but_a_warning(attack: str, tmp_path: Path) -> None:
    """Source: HAProxy accepts most of these when they reach its configuration."""
    from_labels = {
        f"HAPROXY_0_{name}": attack
        for name in ("VHOST", "PATH", "MODE", "BALANCE", "BIND_ADDR", "AUTH", "SSL_CERT",
                     "HTTP_BACKEND_REDIR", "BACKEND_NETWORK_ALLOWED_ACL", "PORT", "FRONTEND_HEAD")
    }  # fmt: skip
    for label, text in from_labels.items():
        model = model_of(app("/fine", 10_001), app("/evil", labels={label: text}))
        config = render(model, Settings()).config

        assert attack not in config and "stats enable" not in config
        assert any(warning.app_id == "/evil" for warning in model.warnings)
        assert "frontend fine_10001 " in config
    assert checked(tmp_path, model) == ""


def test_three_hundred_apps_are_written_fast() -> None:
    apps = [
        app(f"/group/app{n}", 10_000 + n, tasks=10, labels={"HAPROXY_0_VHOST": f"a{n}.example.com"})
        for n in range(300)
    ]
    began = time.perf_counter()
    model = model_of(*apps)
    collected = time.perf_counter()

    rendered = render(model, Settings())
    written = time.perf_counter()

    print(f"300 apps x 10 tasks: read and collected in {(collected - began) * 1000:.0f} ms,")
    print(f"written in {(written - collected) * 1000:.0f} ms, {len(rendered.config)} bytes")
    assert written - began < 5


if __name__ == "__main__":
    for each, example in MODELS.items():
        written = render(example, Settings())
        text = written.config.replace(written.fingerprint, "FINGERPRINT")
        (GOLDEN / f"{each}.cfg").write_text(text)
