"""One session with an ensemble of ZooKeepers, and when it can't be relied on any more.

Kazoo opens new sessions by itself and goes on as if nothing had happened; measured, a leader that
slept through its session writes on for seconds. So whoever leads is told (`on_lost`) when the
connection hangs for a third of the session, or the session is gone or another. It takes kazoo up
to two thirds to see that a connection hangs; so a `Lease` asks, too, and is what tells the leader
before another can begin. Each request has a bound in time. What the nodes mean is `records`'s.
Source: kazoo's documentation, Connection Handling; the project's reliability notes §3c.
"""

import logging
import threading
from collections.abc import Sequence
from typing import Any

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NodeExistsError,
    NoNodeError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KeeperState
from kazoo.security import make_digest_acl

from kernel.store.interface import OnLost, StoreUnreachable
from kernel.store.lease import Lease
from kernel.store.urls import StoreUrl

log = logging.getLogger(__name__)

SESSION_S = 10.0  # Mesos: --zk_session_timeout
_READS_AT_ONCE = 500

#: What a request can end with when nobody can say whether it was carried out.
REQUEST_ERRORS = (KazooException, KazooTimeoutError)

Request = tuple[Any, ...]  # ("create" | "set" | "delete", path, value)


class CheckFailed(Exception):
    """The node that a multi checks has another version, or is gone."""


class Session:
    """`shown` is the URL without its password, for sentences."""

    def __init__(self, url: StoreUrl, shown: str) -> None:
        self._shown = shown
        self._session_s = url.number("session", SESSION_S, least=0.3)
        self.timeout_s = url.number("timeout", self._session_s, least=0.05)
        auth = [("digest", f"{url.user}:{url.password}")] if url.user else []
        acl = [make_digest_acl(url.user, url.password or "", all=True)] if url.user else None
        self.client: Any = KazooClient(
            hosts=",".join(url.hosts),
            timeout=self._session_s,
            auth_data=auth,
            default_acl=acl,
            connection_retry={"max_tries": -1, "max_delay": 1.0},
            command_retry={"max_tries": 0},
        )
        self._is_started = False
        self._is_watched = False
        self._on_lost: OnLost | None = None
        self._patience: threading.Timer | None = None
        self._session_id: int | None = None
        self._lease: Lease | None = None

    def start(self) -> None:
        """Connect, once. Raises `StoreUnreachable`."""
        if self._is_started:
            return
        self.client.add_listener(self._on_state)
        try:
            self.client.start(timeout=self.timeout_s)
        except KazooTimeoutError as error:
            self.client.stop()
            self.client.remove_listener(self._on_state)
            raise StoreUnreachable(f"{self._shown}: no server answers") from error
        self._is_started = True

    def watch(self, on_lost: OnLost | None, path: str, began_s: float) -> None:
        """From now on somebody relies on this very session, and on the ephemeral node at `path`,
        which it had at `began_s` (of the lease's clock) or made later."""
        self._on_lost = on_lost
        self._session_id = self._current_id()
        self._is_watched = True
        self._lease = Lease(self._session_s, lambda: self._still_owns(path), self.lose, began_s)
        self._lease.start()

    @property
    def is_silent(self) -> bool:
        return bool(self.client.state == KazooState.SUSPENDED)

    def close(self) -> None:
        self._is_watched = False
        if self._lease is not None:
            self._lease.stop()
            self._lease = None
        if self._patience is not None:
            self._patience.cancel()
        if self._is_started and self.client.client_state != KeeperState.CLOSED:
            self.client.stop()
            self.client.close()
        self._is_started = False

    # -- requests ---------------------------------------------------------------------------

    def get(self, path: str) -> bytes | None:
        """The node's value; None when there is no such node."""
        try:
            data: bytes = self.client.get(path)[0]
        except NoNodeError:
            return None
        return data

    def get_all(self, paths: Sequence[str]) -> list[bytes]:
        """The values of nodes that are there, many asked for at once."""
        found: list[bytes] = []
        for at in range(0, len(paths), _READS_AT_ONCE):
            asked = [self.client.get_async(path) for path in paths[at : at + _READS_AT_ONCE]]
            found += [answer.get(timeout=self.timeout_s)[0] for answer in asked]
        return found

    def children(self, path: str) -> list[str]:
        return sorted(self.client.get_children(path))

    def create(self, path: str, value: bytes, **how: Any) -> bool:
        """Whether it was made; False when it is there already."""
        try:
            self.client.create(path, value, **how)
        except NodeExistsError:
            return False
        return True

    def owns(self, path: str) -> bool:
        """Whether the ephemeral node there is this session's."""
        stat = self.client.exists(path)
        return stat is not None and stat.ephemeralOwner == self._current_id()

    def delete_tree(self, path: str) -> None:
        self.client.delete(path, recursive=True)

    def send(self, check: tuple[str, int], requests: Sequence[Request]) -> None:
        """One multi that counts only while the node `check` has that version.

        Raises `CheckFailed`, or one of `REQUEST_ERRORS`.
        """
        multi = self.client.transaction()
        multi.check(*check)
        for kind, path, *rest in requests:
            getattr(multi, "set_data" if kind == "set" else kind)(path, *rest)
        # With a bound: kazoo would wait for as long as the connection takes to come back.
        results = multi.commit_async().get(timeout=self.timeout_s)
        if isinstance(results[0], BadVersionError | NoNodeError):
            raise CheckFailed
        for result in results:
            if isinstance(result, RolledBackError | RuntimeInconsistency):
                continue
            if isinstance(result, Exception):
                raise result

    def _still_owns(self, path: str) -> bool:
        # `sync` reaches the leading server: one that is cut off would know nothing of our end.
        self.client.sync_async(path)
        stat = self.client.exists_async(path).get(timeout=self._session_s / 3)
        return stat is not None and stat.ephemeralOwner == self._session_id

    # -- losing it --------------------------------------------------------------------------

    def _current_id(self) -> int | None:
        known = self.client.client_id
        return known[0] if known else None

    def _on_state(self, state: str) -> bool:
        """Called by kazoo's thread; it must not wait here."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if not self._is_watched:
            return False
        if state == KazooState.LOST:
            self.lose("the session has ended")
        elif state == KazooState.SUSPENDED:
            patience = threading.Timer(
                self._session_s / 3, self.lose, ["no server answered for a third of the session"]
            )
            patience.daemon = True
            self._patience = patience
            patience.start()
        elif self._current_id() != self._session_id:
            self.lose("the session was replaced")
        return False

    def lose(self, reason: str) -> None:
        if not self._is_watched:
            return
        self._is_watched = False
        log.error("leadership is lost: %s", reason)
        if self._on_lost is not None:
            self._on_lost(reason)
