"""Reads a list of masters, and finds the leader among them.

A list holds addresses (`host:port`, `http://host:port`) and `zk://` URLs, separated by commas; in
a `zk://` URL the commas separate its servers. An address is asked as it is, and redirects to the
leader; below a `zk://` URL the leader has published itself.
Source: Mesos, docs/high-availability-framework-guide.md.
"""

import asyncio
import json
import re

from kernel.runtime.client import Where
from kernel.store import find_announced
from kernel.store.interface import StoreError
from kernel.store.urls import redacted

_NEXT = re.compile(r",(?=\s*[a-z]+://)")


def master_urls(text: str) -> list[str]:
    """The list in its parts, each with its scheme."""
    urls: list[str] = []
    for part in _NEXT.split(text):
        found = part.strip().rstrip("/")
        if found.startswith("zk://"):
            # What follows the path of a `zk://` URL by a comma is a master of its own.
            urls += _after_path(found)
        else:
            urls += [_with_scheme(each) for each in found.split(",") if each.strip()]
    return urls


def _after_path(text: str) -> list[str]:
    hosts, slash, rest = text.removeprefix("zk://").partition("/")
    path, comma, more = rest.partition(",")
    return [f"zk://{hosts}{slash}{path}", *(master_urls(more) if comma else [])]


def _with_scheme(text: str) -> str:
    url = text.strip().rstrip("/")
    return url if "://" in url else f"http://{url}"


def at_leader(master: str, path: str) -> Where:
    """Where `path` of that master is: an address, or what finds it."""
    if not master.startswith("zk://"):
        return master.rstrip("/") + path

    async def find() -> str:
        return f"http://{await asyncio.to_thread(_leader_below, master)}{path}"

    return find


def _leader_below(url: str) -> str:
    try:
        info = find_announced(url)
    except StoreError as error:
        raise OSError(str(error)) from error
    if info is None:
        raise OSError(f"no master has published itself below {redacted(url)}")
    address = json.loads(info)["address"]
    ip = address.get("ip", "")
    host = address.get("hostname") if ip in ("", "0.0.0.0", "::") else ip
    return f"[{host}]:{address['port']}" if ":" in host else f"{host}:{address['port']}"
