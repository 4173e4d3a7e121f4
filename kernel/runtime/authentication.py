"""Who speaks: HTTP Basic against a file of credentials, in Mesos's realms and words.

What who may do is the machine's. A secret is never logged and never shown; the file's path is.
Source: Mesos, docs/authentication.md; recording status-authentication.
"""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from kernel.runtime.call_form import refuse
from kernel.runtime.http import Request, Response


class CredentialsUnreadable(ValueError):
    """The text says what is wrong, and never holds a secret."""


class _Credential(Struct, frozen=True):
    principal: str
    secret: str = ""


class _Credentials(Struct, frozen=True):
    credentials: list[_Credential]


def read_credentials(path: str) -> dict[str, str]:
    """Secrets by principal: Mesos's JSON, or a line `principal secret` for each. Raises
    `CredentialsUnreadable`."""
    text = _text(path)
    if text.lstrip().startswith("{"):
        try:
            found = msgspec.json.decode(text, type=_Credentials).credentials
        except msgspec.DecodeError:
            raise CredentialsUnreadable(
                f'{path} is not of the form {{"credentials": [{{"principal": …, "secret": …}}]}}'
            ) from None
        return {each.principal: each.secret for each in found}
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if any(len(line) != 2 for line in lines):
        raise CredentialsUnreadable(f"{path}: a line has a principal, a space and a secret")
    return {line[0]: line[1] for line in lines}


def authorization(path: str) -> str:
    """The header of a client whose file has one credential. Raises `CredentialsUnreadable`."""
    text = _text(path)
    if text.lstrip().startswith("{") and '"credentials"' not in text:
        try:
            one = msgspec.json.decode(text, type=_Credential)
        except msgspec.DecodeError:
            raise CredentialsUnreadable(
                f'{path} is not of the form {{"principal": …, "secret": …}}'
            ) from None
        pair = (one.principal, one.secret)
    else:
        known = read_credentials(path)
        if len(known) != 1:
            raise CredentialsUnreadable(f"{path} has {len(known)} credentials; one is needed")
        [pair] = known.items()
    return "Basic " + b64encode(":".join(pair).encode()).decode()


def principal_in(path: str) -> str:
    """Whose credential it is."""
    encoded = authorization(path).removeprefix("Basic ")
    return b64decode(encoded).decode().partition(":")[0]


def _text(path: str) -> str:
    try:
        return Path(path.removeprefix("file://")).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise CredentialsUnreadable(f"{path} can't be read: {reason}") from None


class Authenticator:
    """Of one server. `required`: the realms that ask for credentials."""

    def __init__(self, credentials: Mapping[str, str], required: Mapping[str, bool]) -> None:
        self._credentials = credentials
        self._required = required

    def admitted(self, request: Request, realm: str | None) -> Request | Response:
        """The request with its principal, or the refusal; no realm asks nobody."""
        if realm is None or not self._required.get(realm, False):
            return request
        principal = self._principal(request.headers.get("authorization", ""))
        if principal is None:
            challenge = {"WWW-Authenticate": f'Basic realm="{realm}"'}
            return refuse(401, "401 Unauthorized.", **challenge)
        return replace(request, principal=principal)

    def _principal(self, header: str) -> str | None:
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            text = b64decode(encoded.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        principal, colon, secret = text.partition(":")
        known = self._credentials.get(principal)
        # Compared even for who is unknown, so that time does not tell who is known.
        is_right = hmac.compare_digest((known or "").encode(), secret.encode())
        return principal if colon and known is not None and is_right else None
