"""Writes a model as HAProxy's configuration; the same model always gives the same bytes.

Each value that enters the template passes `_plain`, whatever the template's author remembered:
no blank, quote, '#', '%', backslash or control character gets through, so that no name can
become a second word or line. Leaves to `labels` and `collect` to turn such values away politely,
and to the shell to try the result with `haproxy -c`. Source: HAProxy 2.6, configuration manual.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib import resources

import msgspec
from jinja2 import Environment, StrictUndefined
from msgspec import Struct, structs

from lb.model import Backend, Mode, Model, Server, VhostRule

# "$" is harmless where nothing is quoted: HAProxy expands variables inside double quotes only.
_PLAIN = re.compile(r"[A-Za-z0-9_.:/@*+,=~&()\[\]$-]*")
_HASHED = ("source", "uri", "hdr", "url_param")  # kinds of `balance` that need a hash
NO_ROUTE = "tepui_no_route"
HTTP_FRONTEND = "marathon_http_in"
METRICS_FRONTEND = "tepui_metrics"


class Settings(Struct, frozen=True):
    """What of the load balancer's own configuration the file says."""

    bind: str = "127.0.0.1"
    http_port: int = 9080
    maxconn: int = 8000
    cert_dir: str = "certs"
    stats_socket: str = "haproxy.sock"
    metrics_socket: str | None = "metrics.sock"  # None: this HAProxy has no exporter
    hard_stop_after_s: int = 600
    # A leaving worker that has only HTTP clients is gone so soon after a reload; shorter than the
    # 5 s that a task waits for its sessions.
    keep_alive_s: int = 4


class Rendered(Struct, frozen=True):
    """The files of one configuration; `fingerprint` says whether two differ but for servers."""

    fingerprint: str
    config: str
    map_name: str
    map_text: str


class UnsafeValue(Exception):
    """A value that would not stay one word: our own mistake, since `collect` lets none through."""


def _plain(value: object) -> str:
    text = str(value)
    if not _PLAIN.fullmatch(text):
        raise UnsafeValue(f"{text!a} cannot stand in the configuration")
    return text


def _words(values: Sequence[str]) -> list[str]:
    """For a loop: `finalize` sees the single word and not a joined line."""
    return list(values)


def _as_regex(path: str) -> str:
    """A path as a regular expression that means just this path."""
    return re.sub(r"([.+*()\[\]])", r"[\1]", path.rstrip("/"))


def _endpoint(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _finalize(value: object) -> str:
    return _plain(value)


_SOURCE = resources.files("lb").joinpath("templates/haproxy.cfg.j2").read_text()
_ENVIRONMENT = Environment(
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=StrictUndefined,
    finalize=_finalize,
    autoescape=False,  # this is no HTML; `_plain` is stricter
)
_ENVIRONMENT.filters.update(as_regex=_as_regex, words=_words)
_ENVIRONMENT.globals.update(endpoint=_endpoint)
_TEMPLATE = _ENVIRONMENT.from_string(_SOURCE)
_SOURCE_DIGEST = hashlib.sha256(_SOURCE.encode()).hexdigest()


def fingerprint(model: Model, settings: Settings) -> str:
    """Of everything but the servers: equal fingerprints need no reload between them."""
    bare = [structs.replace(backend, servers=()) for backend in model.backends]
    whole = msgspec.json.encode((_SOURCE_DIGEST, settings, bare, model.rules))
    return hashlib.sha256(whole).hexdigest()[:16]


def render(model: Model, settings: Settings) -> Rendered:
    """The configuration and the map of hosts that it names."""
    linear, mapped = _split(model.rules)
    map_text = "".join(f"{_plain(host)} {_plain(backend)}\n" for host, backend in mapped.items())
    map_name = f"vhosts-{hashlib.sha256(map_text.encode()).hexdigest()[:12]}.map"
    mark = fingerprint(model, settings)
    config = _TEMPLATE.render(
        settings=settings,
        fingerprint=mark,
        backends=model.backends,
        rules=linear,
        map_name=map_name,
        http_frontend=HTTP_FRONTEND,
        metrics_frontend=METRICS_FRONTEND,
        no_route=NO_ROUTE,
        http=Mode.HTTP,
        hashed=[b.name for b in model.backends if needs_hash(b)],
        check_words=check_words,
    )
    return Rendered(mark, config, map_name, map_text)


def needs_hash(backend: Backend) -> bool:
    return re.split(r"[ (]", backend.settings.balance)[0] in _HASHED


def check_words(server: Server) -> tuple[str, ...]:
    """HAProxy only tries to connect, faster once requests fail; Marathon judges health."""
    if server.check_port is None:
        return ()
    other = () if server.check_port == server.port else ("port", str(server.check_port))
    return (
        "check",
        *other,
        *("inter", "5s", "fastinter", "500ms", "downinter", "1s", "fall", "3", "rise", "1"),
        *("observe", "layer4", "error-limit", "3", "on-error", "fastinter"),
    )


def add_command(backend: str, server: Server) -> str:
    """The same server as a runtime command; `render` and this must say the same."""
    words = ("add", "server", f"{backend}/{server.name}", _endpoint(server.address, server.port))
    return " ".join(_plain(word) for word in (*words, *check_words(server)))


def _split(rules: Sequence[VhostRule]) -> tuple[list[VhostRule], Mapping[str, str]]:
    """Hosts whose rules need an order or a path stay rules; all others are looked up in a map."""
    with_paths = {rule.host: None for rule in rules if rule.path_prefixes}
    linear = [rule for rule in rules if rule.host in with_paths]
    mapped = {rule.host: rule.backend for rule in rules if rule.host not in with_paths}
    return linear, dict(sorted(mapped.items()))
