"""Checks labels: no control characters, and no HAPROXY_* label that the load balancer cannot use.

DIFFERS: Marathon takes any text and marathon-lb then writes a broken or injected configuration;
here the one who writes the label learns of it. What the labels mean is `lb`'s business.
Source: marathon-lb, Longhelp.md.
"""

import re
from collections.abc import Iterator

from marathon_app.schema.app import App
from marathon_app.schema.problem import Problem
from marathon_app.schema.validation.ports import PORT_MAX

PER_PORT = re.compile(r"HAPROXY_(\d+)_([A-Z0-9_]+)")
HOST = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
GROUP = re.compile(r"[A-Za-z0-9*._-]+")
MODES = ("http", "tcp")


def label_problems(app: App) -> Iterator[Problem]:
    for key, value in app.labels.items():
        path = f"/labels/{key}" if key.isprintable() and key else "/labels"
        if not key:
            yield Problem(path, "the name of a label must not be empty")
        elif "\0" in key or "\0" in value:
            yield Problem(path, "must not contain a NUL character")
        elif key.startswith("HAPROXY_"):
            yield from _haproxy_problems(app, key, value, path)


def _haproxy_problems(app: App, key: str, value: str, path: str) -> Iterator[Problem]:
    if any(not c.isprintable() for c in value) and not _is_template(key):
        yield Problem(path, "must be one line without control characters: it goes into haproxy.cfg")
        return
    if key == "HAPROXY_GROUP" and not all(GROUP.fullmatch(g.strip()) for g in value.split(",")):
        yield Problem(path, "must be group names of letters, digits, '.', '-', '_', by commas")
    found = PER_PORT.fullmatch(key)
    if found is None:
        return
    index, setting = int(found[1][:9]), found[2]
    count = len(app.service_ports)
    if index >= count:
        yield Problem(path, f"is for port number {index}, but the app has {count} port(s), from 0")
    yield from _setting_problems(setting, value, path)


def _setting_problems(setting: str, value: str, path: str) -> Iterator[Problem]:
    if setting == "VHOST":
        wrong = [host for host in value.split(",") if not HOST.fullmatch(host.strip())]
        if wrong:
            yield Problem(path, f"must be host names separated by commas; '{wrong[0]}' is none")
    elif setting == "PATH" and (not value.startswith("/") or " " in value.strip()):
        yield Problem(path, "must be a URL path that begins with '/', without spaces")
    elif setting == "MODE" and value not in MODES:
        yield Problem(path, f"must be http or tcp, not '{value}'")
    elif setting == "PORT" and not _is_port(value):
        yield Problem(path, f"must be a port from 1 to 65535, not '{value}'")


def _is_template(key: str) -> bool:
    """Whole pieces of configuration may have several lines; the load balancer checks those."""
    return key.endswith(("_HEAD", "_OPTIONS", "_ACL")) or "_HTTP_FRONTEND_" in key


def _is_port(value: str) -> bool:
    return value.isascii() and value.isdigit() and 0 < int(value[:9]) <= PORT_MAX
