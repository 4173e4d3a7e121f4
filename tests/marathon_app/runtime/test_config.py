"""Marathon's flags."""

import pytest

from marathon_app.runtime.config import Config, modern_flags, problem_with


def test_marathons_own_spelling_of_flags_works() -> None:
    given = ["--framework_name", "m", "--http_port=9000", "--local_port_min=1"]
    assert modern_flags(given) == ["--framework-name", "m", "--port=9000", "--local-port-min=1"]


def test_another_address_than_loopback_needs_insecure() -> None:
    """Source: design §10, safe by default."""
    assert "--insecure" in (problem_with(Config(ip="0.0.0.0")) or "")
    assert problem_with(Config(ip="0.0.0.0", insecure=True)) is None
    for ip in ("127.0.0.1", "::1", "localhost"):
        assert problem_with(Config(ip=ip)) is None


def test_service_ports_must_be_a_range() -> None:
    assert "--local-port-min" in (problem_with(Config(local_port_min=2, local_port_max=1)) or "")


def test_the_store_lies_in_the_work_dir_unless_said_otherwise() -> None:
    assert Config(work_dir="/x").store_url == "sqlite:////x/marathon.sqlite"
    assert Config(store="memory://").store_url == "memory://"


@pytest.mark.parametrize(("hostname", "leader"), [("", "127.0.0.1:8080"), ("m1", "m1:8080")])
def test_the_leader_is_named_by_host_and_port(hostname: str, leader: str) -> None:
    assert Config(hostname=hostname).leader == leader


def test_seconds_become_the_cores_milliseconds() -> None:
    settings = Config(drain_timeout=2.5, mesos_user="www").settings()
    assert (settings.drain_timeout_ms, settings.user) == (2_500, "www")
