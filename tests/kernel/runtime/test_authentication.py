"""Credentials files of both of Mesos's forms, and who gets in with them."""

from base64 import b64encode
from pathlib import Path

import pytest

from kernel.runtime.authentication import (
    Authenticator,
    CredentialsUnreadable,
    authorization,
    principal_in,
    read_credentials,
)
from kernel.runtime.http import Request, Response

JSON = '{"credentials": [{"principal": "ops", "secret": "s:1"}, {"principal": "fw", "secret": ""}]}'


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode()).decode()


def asked(header: str | None) -> Request:
    headers = {"authorization": header} if header is not None else {}
    return Request("GET", "/state", {}, headers, b"")


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    """Source: Mesos, docs/authentication.md."""
    (tmp_path / "json").write_text(JSON)
    (tmp_path / "text").write_text("ops s:1\n\nfw  x\n")

    assert read_credentials(str(tmp_path / "json")) == {"ops": "s:1", "fw": ""}
    assert read_credentials(f"file://{tmp_path / 'text'}") == {"ops": "s:1", "fw": "x"}


@pytest.mark.parametrize("text", ["{", '{"credentials": 1}', "ops hunter2 more\n"])
def test_a_refusal_names_the_file_and_no_secret(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credentials"
    path.write_text(text)

    with pytest.raises(CredentialsUnreadable, match=str(path)) as refused:
        read_credentials(str(path))
    assert "hunter2" not in str(refused.value)


def test_a_client_shows_the_one_credential_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "credential"
    path.write_text('{"principal": "fw", "secret": "s"}')

    assert authorization(str(path)) == basic("fw:s")
    assert principal_in(str(path)) == "fw"
    path.write_text("a b\nc d\n")
    with pytest.raises(CredentialsUnreadable, match="2 credentials"):
        authorization(str(path))


@pytest.mark.parametrize(
    "header", [None, "", "Bearer x", "Basic", "Basic ???", basic("ops"), basic("ops:x"), basic(":")]
)
def test_who_is_not_known_is_challenged(header: str | None) -> None:
    gate = Authenticator({"ops": "s:1"}, {"realm": True})

    answer = gate.admitted(asked(header), "realm")
    assert isinstance(answer, Response) and answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="realm"'


def test_who_is_known_gets_in_under_his_name() -> None:
    gate = Authenticator({"ops": "s:1"}, {"realm": True})

    admitted = gate.admitted(asked(basic("ops:s:1")), "realm")
    assert isinstance(admitted, Request) and admitted.principal == "ops"


def test_where_nobody_is_asked_nobody_is_known() -> None:
    """A name that was not checked must not become a principal."""
    gate = Authenticator({"ops": "s"}, {"realm": False})

    for realm in ("realm", None):
        admitted = gate.admitted(asked(basic("ops:wrong")), realm)
        assert isinstance(admitted, Request) and admitted.principal is None
