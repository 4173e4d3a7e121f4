"""Reads the URL that names a store, and says it again without its password.

`sqlite:////abs/path`, `memory://`, `redis://`, `rediss://`, `redis+sentinel://` and `zk://`.
A password never leaves this package: whoever shows a URL shows `redacted(url)`.
"""

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

from msgspec import Struct

from kernel.store.interface import StoreMalformed

FORMS = (
    "write sqlite:///PATH (a relative path), sqlite:////PATH (an absolute one), memory://,"
    " redis://HOST:PORT/DB, rediss://…, redis+sentinel://H1,H2,H3/NAME or zk://H1,H2,H3/PATH"
)
_PASSWORD = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^/@\s]*?:)[^/@\s]*(?=@)", re.IGNORECASE)


class StoreUrl(Struct, frozen=True):
    """A URL in its parts. `hosts` are `host:port` as they were written; `path` has no slashes at
    its ends; `options` are what follows the question mark."""

    scheme: str
    hosts: tuple[str, ...]
    path: str
    user: str | None
    password: str | None
    options: Mapping[str, str]

    def number(self, name: str, default: float, *, least: float) -> float:
        """A numeric option. Raises `StoreMalformed`."""
        text = self.options.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            raise StoreMalformed(f"the store's option {name}={text} is no number") from None
        if not value >= least:
            raise StoreMalformed(f"the store's option {name}={text} must be {least:g} or more")
        return value


def read(url: str, *, options: tuple[str, ...]) -> StoreUrl:
    """The parts of the URL of a store that is reached over the network. Raises `StoreMalformed`."""
    head, _, rest = url.partition("://")
    # urlsplit knows one host; several are separated by commas, so they are read by hand.
    before, _, query = rest.partition("?")
    authority, _, path = before.partition("/")
    credentials, at, hosts_text = authority.rpartition("@")
    user, colon, password = credentials.partition(":")
    hosts = tuple(host for host in hosts_text.split(",") if host)
    if not hosts:
        raise StoreMalformed(f"'{redacted(url)}' names no host: {FORMS}")
    for host in hosts:
        port = host.rpartition(":")[2] if ":" in host and not host.endswith("]") else ""
        if port and not (port.isdigit() and 0 < int(port) < 65536):
            raise StoreMalformed(f"'{redacted(url)}': {port} is no port")
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = next((name for name in given if name not in options), None)
    if unknown is not None:
        known = ", ".join(options)
        raise StoreMalformed(f"'{redacted(url)}': no option {unknown}; there are: {known}")
    return StoreUrl(
        scheme=head.lower(),
        hosts=hosts,
        path=path.strip("/"),
        user=unquote(user) if at and user else None,
        password=unquote(password) if at and colon else None,
        options=given,
    )


def redacted(url: str) -> str:
    """The URL, or a text with URLs in it, with stars for each password."""
    return _PASSWORD.sub(r"\g<before>***", url)


def has_password(url: str) -> bool:
    return _PASSWORD.search(url) is not None
