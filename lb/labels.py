"""Decides what an app's HAPROXY_* labels mean: one table from label to typed, harmless settings.

Nothing that a label says reaches the configuration unless a reader here has recognised it word by
word: there is no way to write a line. A label that cannot be read is left out and reported; one
that protects the app (`is_guard`) takes its port out of service instead, because serving without
the protection would be worse. DIFFERS: labels that carry raw template text are not applied, only
reported; in marathon-lb one of them can rewrite the whole configuration for everybody.
Source: marathon-lb, Longhelp.md, "Application Labels".
"""

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from msgspec import Struct

from lb.model import AppWarning, Auth, Mode, Settings

PREFIX = "HAPROXY_"
VALUE_LENGTH_MAX = 4096  # characters; a line of HAProxy's configuration has its limits, too

_LABEL = re.compile(r"HAPROXY_(?:([0-9]{1,4})_)?([A-Z0-9_]+)")
_HOST_PART = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_HOST_PART}(?:\.{_HOST_PART})*")
_PATH = re.compile(r"/[A-Za-z0-9._~+@:,=&/-]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_BALANCE = re.compile(
    r"roundrobin|static-rr|leastconn|first|source|uri|random(?:\([1-9]\))?"
    r"|hdr\([A-Za-z0-9-]{1,64}\)|url_param [A-Za-z0-9_-]{1,64}"
)
_REALM_OR_USER = re.compile(r"[A-Za-z0-9_.@-]{1,128}")
_CRYPTED = re.compile(r"[A-Za-z0-9./$=,-]{1,256}")
_BIND_OPTIONS = ("accept-proxy", "defer-accept", "tfo")
_TRUE = ("true", "t", "yes", "y")


class _Unreadable(Exception):
    """Says what is wrong with a value; never leaves this module."""


def _flag(text: str) -> bool:
    return text.strip().lower() in _TRUE


def _groups(text: str) -> tuple[str, ...]:
    return tuple(group.strip() for group in text.split(",") if group.strip())


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(dict.fromkeys(host.strip().lower() for host in text.split(",") if host.strip()))
    for host in hosts:
        if len(host) > 253 or not _HOST.fullmatch(host):
            raise _Unreadable(
                f"{_shown(host)} is no host name (letters, digits, '-' and '.'; others as xn--…)"
            )
    if not hosts:
        raise _Unreadable("names no host")
    return hosts


def _paths(text: str) -> tuple[tuple[str, ...], bool]:
    """The words of HAProxy's `path_beg`: paths, and perhaps the flag -i in front."""
    words = text.split()
    ignores_case = bool(words) and words[0] == "-i"
    paths = tuple(dict.fromkeys(words[1:] if ignores_case else words))
    if not paths:
        raise _Unreadable("names no path")
    for path in paths:
        _path(path)
    return paths, ignores_case


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise _Unreadable(
            f"{_shown(text)} is no path (it begins with '/'; A-Z a-z 0-9 . _ ~ + @ : , = & / -)"
        )
    return text


def _mode(text: str) -> Mode:
    if text not in (Mode.HTTP, Mode.TCP):
        raise _Unreadable(f"is {_shown(text)}; http and tcp exist")
    return Mode(text)


def _balance(text: str) -> str:
    words = " ".join(text.split())
    if not _BALANCE.fullmatch(words):
        raise _Unreadable(
            f"is {_shown(text)}; known are roundrobin, leastconn, first, random, source, uri, "
            "hdr(<name>) and url_param <name>"
        )
    # static-rr spreads alike, but HAProxy cannot add servers to it while it runs.
    return "roundrobin" if words == "static-rr" else words


def _integer(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", text.strip()) or not least <= int(text) <= most:
            raise _Unreadable(f"is {_shown(text)}; it must be an integer from {least} to {most}")
        return int(text)

    return read


def _address(text: str) -> str:
    if text.strip() == "*":
        return "0.0.0.0"
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise _Unreadable(f"{_shown(text)} is no IP address") from None


def _networks(text: str) -> tuple[str, ...]:
    try:
        networks = tuple(str(ip_network(word, strict=False)) for word in text.split())
    except ValueError:
        raise _Unreadable(f"{_shown(text)} is no list of networks like 10.0.0.0/8") from None
    if not networks:
        raise _Unreadable("names no network")
    return networks


def _bind_options(text: str) -> tuple[str, ...]:
    options = tuple(text.split())
    for option in options:
        if option not in _BIND_OPTIONS:
            raise _Unreadable(f"{_shown(option)} is not one of {', '.join(_BIND_OPTIONS)}")
    return options


def _file(text: str) -> str:
    if not _FILE.fullmatch(text):
        raise _Unreadable(
            f"{_shown(text)} is no file below the directory of certificates (--cert-dir)"
        )
    return text


def _auth(text: str) -> Auth:
    parts = text.split(":")
    if len(parts) != 3:
        raise _Unreadable("is not of the form realm:user:crypted-password")
    realm, user, crypted = parts
    if not _REALM_OR_USER.fullmatch(realm) or not _REALM_OR_USER.fullmatch(user):
        raise _Unreadable("has a realm or a user other than A-Z a-z 0-9 _ . @ -")
    if not _CRYPTED.fullmatch(crypted):
        raise _Unreadable("has no crypt(3) hash as its password")
    return Auth(realm, user, crypted)


class _Label(Struct, frozen=True):
    """One row of the table: which settings a label fills, and how its text is read."""

    fields: tuple[str, ...]
    read: Callable[[str], Any]
    is_guard: bool = False


LABELS: Mapping[str, _Label] = {
    "GROUP": _Label(("groups",), _groups),
    "ENABLED": _Label(("enabled",), _flag),
    "VHOST": _Label(("vhosts",), _hosts),
    "PATH": _Label(("path_prefixes", "path_ignores_case"), _paths, is_guard=True),
    "BACKEND_WEIGHT": _Label(("rule_weight",), _integer(-1_000_000, 1_000_000)),
    "MODE": _Label(("mode",), _mode),
    "BALANCE": _Label(("balance",), _balance),
    "STICKY": _Label(("sticky",), _flag),
    "PORT": _Label(("port",), _integer(1, 65_535)),
    "BIND_ADDR": _Label(("bind_addr",), _address, is_guard=True),
    "BIND_OPTIONS": _Label(("bind_options",), _bind_options, is_guard=True),
    "SSL_CERT": _Label(("ssl_cert",), _file, is_guard=True),
    "REDIRECT_TO_HTTPS": _Label(("redirect_to_https",), _flag),
    "USE_HSTS": _Label(("use_hsts",), _flag),
    "AUTH": _Label(("auth",), _auth, is_guard=True),
    "BACKEND_NETWORK_ALLOWED_ACL": _Label(("allowed_networks",), _networks, is_guard=True),
    "HTTP_BACKEND_REDIR": _Label(("redirect_root_to",), _path),
    "HTTP_BACKEND_PROXYPASS_PATH": _Label(("proxypass_path",), _path),
    "HTTP_BACKEND_REVPROXY_PATH": _Label(("revproxy_path",), _path),
    "BACKEND_HEALTHCHECK_PORT_INDEX": _Label(("health_check_port_index",), _integer(0, 9_999)),
}
# Labels for a whole app; every other needs the index of a service port.
_OF_THE_APP = ("GROUP",)


class Reading(Struct, frozen=True):
    """The settings by port index (None: this port is not served), and what was wrong."""

    settings: tuple[Settings | None, ...]
    warnings: tuple[AppWarning, ...]


def read_labels(app_id: str, labels: Mapping[str, Any], ports_count: int) -> Reading:
    """Read all HAPROXY_* labels of an app that has this many service ports."""
    values: list[dict[str, Any]] = [{} for _ in range(ports_count)]
    unguarded = [False] * ports_count
    warnings: list[AppWarning] = []
    of_the_app: dict[str, Any] = {}
    for key in sorted(key for key in labels if key.startswith(PREFIX)):
        index, row, problem = _row_of(key, ports_count)
        text = labels[key]
        if row is not None and problem is None:
            target = of_the_app if index is None else values[index]
            problem = _fill(target, row, text)
            if problem is not None and row.is_guard and index is not None:
                unguarded[index] = True
                problem += "; this port is not served until it is right"
        if problem is not None:
            warnings.append(AppWarning(app_id=app_id, label=_shown(key, 80)[1:-1], message=problem))
    settings = tuple(
        None if bare else Settings(**(of_the_app | mine))
        for mine, bare in zip(values, unguarded, strict=True)
    )
    return Reading(settings, tuple(warnings))


def _row_of(key: str, ports_count: int) -> tuple[int | None, _Label | None, str | None]:
    """Port index (None: the app's), row of the table, and what is wrong with the key."""
    match = _LABEL.fullmatch(key)
    if match is None:
        return None, None, "is not a label that the load balancer knows"
    digits, name = match.groups()
    row = LABELS.get(name)
    if row is None:
        return None, None, _unknown(name)
    if digits is None:
        if name not in _OF_THE_APP:
            return None, row, f"lacks the index of a service port, as in {PREFIX}0_{name}"
        return None, row, None
    index = int(digits)
    if index >= ports_count:
        return index, row, f"is about service port {index}, but the app has {ports_count}"
    return index, row, None


def _unknown(name: str) -> str:
    if name.startswith("DEPLOYMENT_") or name == "APP_ID":
        return "belongs to blue/green deployments of marathon-lb, which are not done here"
    if re.fullmatch(r"(?:BACKEND|FRONTEND|HTTPS?|TCP|MAP|USERLIST|HEAD)(?:_[A-Z_]+)?", name):
        return "carries raw text for a template; such labels are not applied"
    return "is not a label that the load balancer knows"


def _fill(target: dict[str, Any], row: _Label, text: Any) -> str | None:
    """Put the value where it belongs; the answer is what is wrong with it, or None."""
    if not isinstance(text, str):
        return "is not a string"
    if len(text) > VALUE_LENGTH_MAX:
        return f"is longer than {VALUE_LENGTH_MAX} characters"
    try:
        value = row.read(text)
    except _Unreadable as problem:
        return str(problem)
    target.update(zip(row.fields, value if len(row.fields) > 1 else (value,), strict=True))
    return None


def _shown(text: str, most: int = 60) -> str:
    """A stranger's text inside a sentence: on one line, printable, not too long."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text[:most])
    return f"'{clean}{'…' if len(text) > most else ''}'"
