"""Keeps other sites out: Host check, CSRF token on every write, a strict content policy.

Who may do what is left to the parts behind: the dashboard holds no rights of its own.
Source: reliability.md §5.1, rows 11 to 13 and 31.
"""

import hmac
import ipaddress
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request, session

from web.config import Config

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
TOKEN = "csrf"
KEY_BYTES = 32


def protect(app: Flask, config: Config) -> None:
    app.secret_key = signing_key(Path(config.work_dir))
    # Cookies are shared by all ports of a host, so the name tells two dashboards apart.
    app.config["SESSION_COOKIE_NAME"] = f"tepui_{config.port}"
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SESSION_COOKIE_HTTPONLY"] = True
    hosts = allowed_hosts(config)

    @app.before_request
    def refuse_strangers() -> None:
        if hosts and host_name(request.host) not in hosts:
            abort(403, f"The dashboard does not serve the host name “{request.host[:100]}”.")
        if request.method not in SAFE_METHODS:
            _check_write()

    @app.after_request
    def add_headers(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("X-Frame-Options", "DENY")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "no-store"
        return response

    app.jinja_env.globals["csrf_token"] = csrf_token


def csrf_token() -> str:
    if TOKEN not in session:
        session[TOKEN] = secrets.token_urlsafe(24)
    return str(session[TOKEN])


def _check_write() -> None:
    """A write must come from a page of ours: same origin, and the session's token with it."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403, "This request came from another site.")
    origin = request.headers.get("Origin")
    if origin and urlsplit(origin).netloc != request.host:
        abort(403, "This request came from another site.")
    sent = request.headers.get("X-CSRF-Token") or request.form.get(TOKEN, "")
    known = str(session.get(TOKEN, ""))
    if not known or not hmac.compare_digest(sent.encode(), known.encode()):
        abort(403, "The form is from an older visit. Go back, reload the page and try again.")


def allowed_hosts(config: Config) -> frozenset[str]:
    """Names a browser may use; empty (any) only when bound to every address."""
    named = {name.strip().lower() for name in config.allowed_hosts.split(",") if name.strip()}
    if config.ip in ("0.0.0.0", "::") and not named:
        return frozenset()
    return frozenset(named | {"localhost", "127.0.0.1", "::1", config.ip.lower()})


def host_name(host: str) -> str:
    """The name without port and brackets, in lower case; loopback addresses as one."""
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
    try:
        return "127.0.0.1" if ipaddress.ip_address(name).is_loopback else name
    except ValueError:
        return name


def signing_key(directory: Path) -> bytes:
    """Kept in the work directory, readable by its owner only, so that a restart breaks no form."""
    path = directory / "cookie-key"
    directory.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = path.read_bytes()
        if len(key) >= KEY_BYTES:
            return key
        path.unlink()
        return signing_key(directory)
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(KEY_BYTES)
        file.write(key)
    return key
