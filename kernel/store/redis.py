"""The store of a few machines: one Redis, or one watched by Sentinels.

Every commit is one Lua script that compares the term, then the guards, then writes; so it is all
or nothing and a deposed leader's is refused. The lease is a key with a time to live, renewed by a
thread of its own; it decides who may begin, never who may write, because Redis counts its time by
the wall clock. Epochs alone could be issued twice across a partition of Sentinel's, so the
leader's own random name belongs to the term. Redis must keep an append-only file and must not
evict; else we refuse to begin. With replicas, `wait` says how many must confirm each commit.
Source: the project's reliability notes §3b and §3d; redis.io, WAIT, Distributed locks.
"""

import json
import logging
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from kernel.machine import Operation, Put
from kernel.store.interface import (
    CommitResult,
    Committed,
    Conflict,
    Fenced,
    Guard,
    Holder,
    OnLost,
    Records,
    Snapshot,
    StoreError,
    StoreFull,
    StoreHeld,
    StoreMalformed,
    StoreUnreachable,
    Term,
    Unknown,
)
from kernel.store.lease import Lease
from kernel.store.schema import SCHEMA, Schema
from kernel.store.urls import StoreUrl, read, redacted

log = logging.getLogger(__name__)

LEASE_S = 10.0  # ZooKeeper's session in Mesos; --store …?lease=SECONDS
OPTIONS = ("lease", "wait", "timeout", "allow-loss")
FREE_BYTES_MIN = 1024 * 1024  # below this a new change is refused, as `sqlite` does

_LEAD = """
local schema = redis.call('HGET', KEYS[2], 'schema')
if schema and tonumber(schema) > tonumber(ARGV[4]) then return {2, schema} end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  local epoch = math.max(tonumber(redis.call('HGET', KEYS[2], 'epoch') or 0), tonumber(ARGV[5]))
  schema = schema or ARGV[4]
  redis.call('HSET', KEYS[2], 'leader', ARGV[3], 'schema', schema, 'epoch', epoch)
  return {1, redis.call('HINCRBY', KEYS[2], 'epoch', 1), schema}
end
return {0, redis.call('GET', KEYS[1]) or ''}
"""
_RENEW = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""
# ARGV: epoch, leader, prefix of the collections, schema ('' as it is), number of guards,
# guards (four each), writes (four each)
_COMMIT = """
local term = redis.call('HMGET', KEYS[1], 'epoch', 'leader')
if term[1] ~= ARGV[1] or term[2] ~= ARGV[2] then return {'F', term[1] or '0'} end
local at = 6 + 4 * tonumber(ARGV[5])
for i = 6, at - 1, 4 do
  local there = redis.call('HGET', ARGV[3] .. ARGV[i], ARGV[i + 1])
  if ARGV[i + 2] == '1' then
    if there ~= ARGV[i + 3] then return {'X', ARGV[i], ARGV[i + 1]} end
  elseif there then return {'X', ARGV[i], ARGV[i + 1]} end
end
for i = at, #ARGV, 4 do
  if ARGV[i] == 'P' then
    redis.call('HSET', ARGV[3] .. ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    redis.call('SADD', KEYS[2], ARGV[i + 1])
  else redis.call('HDEL', ARGV[3] .. ARGV[i + 1], ARGV[i + 2]) end
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'schema', ARGV[4]) end
return {'C', redis.call('HINCRBY', KEYS[1], 'version', 1)}
"""
_SNAPSHOT = """
local found = redis.call('HMGET', KEYS[1], 'epoch', 'schema')
local collections = {}
for _, collection in ipairs(redis.call('SMEMBERS', KEYS[2])) do
  table.insert(collections, {collection, redis.call('HGETALL', ARGV[1] .. collection)})
end
return {found[1] or '0', found[2] or '0', collections}
"""


class RedisStore:
    """One namespace in one Redis. Used from one thread at a time; the lease has its own."""

    is_shared = True

    def __init__(self, url: str, name: str, schema: Schema = SCHEMA) -> None:
        self._name = name
        self._schema = schema
        parts = read(url, options=OPTIONS)
        self._shown = redacted(url)
        self._lease_s = parts.number("lease", LEASE_S, least=0.3)
        self._timeout_s = parts.number("timeout", max(0.5, self._lease_s / 3), least=0.05)
        self._wait_ms = round(self._timeout_s * 800)  # the answer must come before we hang up
        replicas = 1 if parts.scheme == "redis+sentinel" else 0
        self._replicas = int(parts.number("wait", replicas, least=0))
        self._may_lose = parts.options.get("allow-loss") == "yes"
        self._prefix = f"tepui:{{{name}}}:"
        self._client = self._connect(parts)
        self._lease_client = self._connect(parts)
        self._commit = self._client.register_script(_COMMIT)
        self._lead = self._client.register_script(_LEAD)
        self._release = self._client.register_script(_RELEASE)
        self._snapshot = self._client.register_script(_SNAPSHOT)
        self._renew = self._lease_client.register_script(_RENEW)
        self._holder = ""
        self._lease: Lease | None = None
        self._refusal: str | None = None

    def lead(
        self, leader: str, *, address: str = "", on_lost: OnLost | None = None, above: int = 0
    ) -> Term:
        unique = f"{leader}#{uuid4()}"
        holder = json.dumps({"leader": leader, "address": address, "unique": unique})
        try:
            self._check_server()
            # What takes many turns is done before the lease runs: connections, scripts.
            self._lease_client.script_load(_RENEW)
            self._client.script_load(_LEAD)
            began_s = Lease.clock_s()
            taken, value, *found = self._lead(
                keys=[self._prefix + "lease", self._prefix + "term"],
                args=[
                    holder,
                    round(self._lease_s * 1000),
                    unique,
                    self._schema.version,
                    above,
                ],  # fmt: skip
            )
            self._confirm()
        except redis.RedisError as error:
            raise self._trouble(error) from error
        if taken == 2:
            self._schema.refuse_newer(int(value), self._shown)
        if taken == 0:
            raise StoreHeld(f"{self._shown} is held by {_holder(value).leader}")
        self._holder = holder
        self._lease = Lease(self._lease_s, self._renew_once, on_lost, began_s, self._look_at_memory)
        self._lease.start()
        term = Term(int(value), unique)
        self._upgrade(term, int(found[0]))
        return term

    def _upgrade(self, term: Term, version: int) -> None:
        if version == self._schema.version:
            return
        operations = self._schema.upgrade(self._name, self.load(), version)
        answer = self._send(term, operations, (), schema=self._schema.version)
        if not isinstance(answer, Committed):
            raise StoreError(f"{self._shown}: the step to a newer schema was not written: {answer}")

    def holder(self) -> Holder | None:
        try:
            value = self._lease_client.get(self._prefix + "lease")
        except redis.RedisError as error:
            raise self._trouble(error) from error
        return _holder(value) if value else None

    def announce(self, value: bytes) -> None:
        """Nobody looks here for a leader."""

    def load(self) -> Records:
        try:
            names = self._client.smembers(self._prefix + "collections")
            records: Records = {}
            for collection in sorted(_text(name) for name in names):
                found: Any = self._client.hgetall(self._prefix + "r:" + collection)
                if found:
                    records[collection] = _named(found)
        except redis.RedisError as error:
            raise self._trouble(error) from error
        return records

    def snapshot(self) -> Snapshot:
        try:
            # One script, so one moment: Redis runs nothing beside it.
            epoch, schema, collections = self._snapshot(
                keys=[self._prefix + "term", self._prefix + "collections"],
                args=[self._prefix + "r:"],
            )
        except redis.RedisError as error:
            raise self._trouble(error) from error
        if int(epoch) == 0:
            return Snapshot(0, self._schema.version, {})
        self._schema.refuse_newer(int(schema), self._shown)
        found = {
            _text(name): _named(dict(zip(flat[::2], flat[1::2], strict=True)))
            for name, flat in collections
            if flat
        }
        return Snapshot(int(epoch), int(schema), {name: found[name] for name in sorted(found)})

    def commit(
        self, term: Term, operations: Sequence[Operation], guards: Sequence[Guard] = ()
    ) -> CommitResult:
        return self._send(term, operations, guards)

    def _send(
        self,
        term: Term,
        operations: Sequence[Operation],
        guards: Sequence[Guard],
        schema: int | str = "",
    ) -> CommitResult:
        prefix = self._prefix + "r:"
        args: list[Any] = [term.epoch, term.leader, prefix, schema, len(guards)]
        for guard in guards:
            known = guard.value is not None
            args += [guard.collection, guard.key, "1" if known else "0", guard.value or b""]
        for each in operations:
            if isinstance(each, Put):
                args += ["P", each.collection, each.key, each.value]
            else:
                args += ["D", each.collection, each.key, b""]
        try:
            kind, *rest = self._commit(
                keys=[self._prefix + "term", self._prefix + "collections"], args=args
            )
            if kind == b"C":
                self._confirm()
                return Committed(int(rest[0]))
        except redis.OutOfMemoryError as error:
            raise StoreFull(self._full_sentence()) from error
        except redis.ResponseError as error:
            if "MISCONF" in str(error):  # it can't write its own file, so it takes nothing
                raise StoreFull(f"{self._shown} can't write its disk: {error}") from error
            return Unknown(redacted(str(error)))
        except redis.RedisError as error:
            return Unknown(redacted(str(error)))
        if kind == b"F":
            return Fenced(int(rest[0]))
        return Conflict(_text(rest[0]), _text(rest[1]))

    def refusal(self) -> str | None:
        return self._refusal

    def close(self) -> None:
        if self._lease is not None:
            self._lease.stop()
            self._lease = None
            try:
                self._release(keys=[self._prefix + "lease"], args=[self._holder])
            except redis.RedisError as error:
                log.warning("the lease was not given back (%s); it ends by itself", error)
        self._client.close()
        self._lease_client.close()

    # -- the server -------------------------------------------------------------------------

    def _connect(self, url: StoreUrl) -> "redis.Redis":
        # No retries: a commit that may have happened is never sent twice.
        settings: dict[str, Any] = {
            "username": url.user,
            "password": url.password,
            "socket_timeout": self._timeout_s,
            "socket_connect_timeout": self._timeout_s,
            "retry": Retry(NoBackoff(), 0),
        }
        try:
            if url.scheme == "redis+sentinel":
                service, _, number = url.path.partition("/")
                hosts = [_host_port(host, 26379) for host in url.hosts]
                # The library has no types here.
                sentinel: Any = Sentinel(hosts, socket_timeout=self._timeout_s)  # type: ignore[no-untyped-call]
                found: redis.Redis = sentinel.master_for(
                    service or "mymaster", db=int(number or 0), **settings
                )
                return found
            host, port = _host_port(url.hosts[0], 6379)
            if url.scheme == "rediss":
                settings["ssl"] = True
            return redis.Redis(host=host, port=port, db=int(url.path or 0), **settings)
        except ValueError:
            raise StoreMalformed(
                f"{self._shown}: '{url.path}' is no number of a database"
            ) from None

    def _check_server(self) -> None:
        kept = self._client.info("persistence")
        if not kept.get("aof_enabled") and not self._may_lose:
            raise StoreError(
                f"{self._shown} keeps no append-only file, so a restart would lose everything:"
                " set 'appendonly yes' there, or add ?allow-loss=yes to the URL"
            )
        memory = self._client.info("memory")
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory") and policy != "noeviction":
            raise StoreError(
                f"{self._shown} throws records away when it is full (maxmemory-policy {policy}):"
                " set 'maxmemory-policy noeviction' there"
            )

    def _confirm(self) -> None:
        """Wait until enough replicas have what was just written."""
        if not self._replicas:
            return
        confirmed = self._client.wait(self._replicas, self._wait_ms)
        if confirmed < self._replicas:
            raise redis.RedisError(
                f"{confirmed} of {self._replicas} replicas confirmed within {self._wait_ms} ms"
            )

    def _renew_once(self) -> bool:
        renewed = bool(
            self._renew(
                keys=[self._prefix + "lease"],
                args=[self._holder, round(self._lease_s * 1000)],
            )
        )
        if not (renewed and self._replicas):
            return renewed  # WAIT is a turn of its own, and turns are slow where the store is far
        if self._lease_client.wait(self._replicas, self._wait_ms) < self._replicas:
            raise redis.RedisError("too few replicas confirmed the lease")
        return renewed

    def _look_at_memory(self) -> None:
        memory = self._lease_client.info("memory")
        limit = memory.get("maxmemory") or 0
        is_full = limit and limit - memory["used_memory"] < FREE_BYTES_MIN
        self._refusal = self._full_sentence() if is_full else None

    def _trouble(self, error: redis.RedisError) -> StoreError:
        away = (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError)
        is_refused = isinstance(error, redis.AuthenticationError | redis.ResponseError)
        may_serve = (isinstance(error, away) and not is_refused) or _passes(error)
        kind = StoreUnreachable if may_serve else StoreError
        return kind(f"{self._shown} can't be reached: {error}")

    def _full_sentence(self) -> str:
        return f"{self._shown} is out of memory; nothing was changed: raise its maxmemory"


def _passes(error: redis.RedisError) -> bool:
    """Whether it answers and takes no writes now: a standby asks on until it does."""
    if isinstance(error, redis.OutOfMemoryError | redis.ReadOnlyError | redis.BusyLoadingError):
        return True
    return str(error).startswith(("MISCONF", "NOREPLICAS", "MASTERDOWN"))


def _named(found: dict[bytes, bytes]) -> dict[str, bytes]:
    named = {_text(key): value for key, value in found.items()}
    return {key: named[key] for key in sorted(named)}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _holder(value: Any) -> Holder:
    try:
        found = json.loads(value)
        return Holder(str(found["leader"]), str(found.get("address", "")))
    except (ValueError, KeyError, TypeError):
        return Holder("another process")


def _host_port(text: str, default: int) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit():
        return host.strip("[]"), int(port)
    return text.strip("[]"), default
