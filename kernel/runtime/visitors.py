"""Who may talk to a server through a browser: nobody but the server's own pages.

A page of another site can make its visitor's browser write to 127.0.0.1, and, once its name has
been pointed there (DNS rebinding), also read. Such a request gives itself away by its `Origin`,
`Sec-Fetch-Site` or `Host`. Programs send none of the first two, and an address, localhost or the
machine's own name as the third. DIFFERS: Mesos, Marathon and Chronos listen to every page that a
browser shows. Decides only; `kernel.runtime.http` asks.
Source: WHATWG Fetch, the Origin header; W3C, Fetch Metadata Request Headers.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from msgspec import Struct

READING = ("GET", "HEAD", "OPTIONS")
OWN_SITE = ("same-origin", "none")
SHOWN_LENGTH_MAX = 100


class Visitors(Struct, frozen=True):
    """`names`: the host names that are ours, in lower case. `is_loopback`: where we listen."""

    names: tuple[str, ...] = ()
    is_loopback: bool = True

    def refusal(self, method: str, headers: Mapping[str, str]) -> str | None:
        """Why this request is not served, as a sentence; None if it is. Names in lower case."""
        host = headers.get("host", "")
        origin = headers.get("origin")
        is_write = method not in READING
        if is_write and headers.get("sec-fetch-site", "none") not in OWN_SITE:
            return "a page of another site may not change anything here (Sec-Fetch-Site)"
        if is_write and origin is not None and _authority(origin) != host.lower():
            shown = origin[:SHOWN_LENGTH_MAX]
            return f"a page of another site may not change anything here (Origin: {shown})"
        # Off loopback others know us by names that we need not know; but no browser writes there
        # under a name that is not ours.
        is_checked = self.is_loopback or (is_write and origin is not None)
        if is_checked and host and not self._is_ours(host):
            return (
                f"this server does not go by the name '{host[:SHOWN_LENGTH_MAX]}' (Host); use its"
                " address or localhost, or put the name into TEPUI_ALLOWED_HOSTS where it starts"
            )
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if name == "localhost" or name.endswith(".localhost") or name in self.names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True  # nobody can point an address elsewhere


def visitors(ip: str, names: str) -> Visitors:
    """For a server that listens on `ip` and is also known by `names`, separated by commas."""
    own = tuple(name.strip().lower() for name in names.split(",") if name.strip())
    try:
        is_loopback = ipaddress.ip_address(ip).is_loopback
    except ValueError:
        is_loopback = ip == "localhost"
    return Visitors(own, is_loopback)


def _authority(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""
