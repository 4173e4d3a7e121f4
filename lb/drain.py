"""Decides how servers leave without a failed request, and when Marathon may kill their tasks.

A server that must go takes no new request at once, is closed (maintenance) when its sessions are
done, and is removed when a second look found none. A task is acknowledged when each of its servers
is closed and quiet, also in the workers that are leaving after a reload, or after 5 s. Those old
workers cannot be asked or told anything (HAProxy: "Proxy is disabled"), so while one lives, the
servers that it knew count as busy. DIFFERS: marathon-lb learns of a
kill when it has happened. Leaves talking to HAProxy and Marathon to the shell.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from lb.diff import Change, Key, RemoveServer, SetState
from lb.stats import Running, ServerState

SESSIONS_WAIT_MS = 5_000  # Tepui's drain contract with Marathon, which itself waits for 10 s
POLL_MS = 25  # while Marathon waits
POLL_SLOW_MS = 500  # while nobody waits
REMOVE_AGAIN_MS = 1_000
LIST_WAIT_MS = 2_000  # for the list of apps that has the successors; Marathon kills after 10 s


class Leaving(Struct):
    """A server on its way out. `is_quiet`: closed, and then seen without sessions."""

    is_closed: bool = False
    wants_closing: bool = False
    is_quiet: bool = False
    remove_at_ms: int = 0


class Waiting(Struct):
    """A task that Marathon wants to kill, the servers that serve it, and until when we wait."""

    keys: tuple[Key, ...]
    until_ms: int
    seen_in_fetch: int
    is_acknowledged: bool = False


class Announced(Struct, frozen=True):
    """A kill of which only the news came: the fetch that was the last one then, and how long the
    next one may take."""

    fetch: int
    until_ms: int


class Drain(Struct):
    """All servers on their way out, and all tasks that are about to be killed."""

    leaving: dict[Key, Leaving] = {}
    tasks: dict[str, Waiting] = {}
    announced: dict[str, Announced] = {}
    known_to_old_workers: dict[Key, None] = {}
    last_poll_ms: int = 0

    def announce(self, task_id: str, fetch: int, now_ms: int) -> None:
        """Marathon is about to kill this task; the list of apps that says so is being asked for."""
        if task_id not in self.tasks:
            self.announced.setdefault(task_id, Announced(fetch, now_ms + LIST_WAIT_MS))

    def listed(self, fetch: int) -> None:
        """A list came: it explains all that was announced before it was asked for."""
        for task_id in list(self.announced):
            if self.announced[task_id].fetch < fetch:
                del self.announced[task_id]

    def overdue(self, now_ms: int) -> list[str]:
        """Announced ones for which no list came in time."""
        return [each for each, announced in self.announced.items() if now_ms >= announced.until_ms]

    def take_out(self, task_id: str, keys: Sequence[Key], fetch: int, now_ms: int) -> bool:
        """It takes no request from now on; whether that is news."""
        self.announced.pop(task_id, None)
        if task_id in self.tasks:
            self.tasks[task_id].seen_in_fetch = fetch
            return False
        self.tasks[task_id] = Waiting(tuple(keys), now_ms + SESSIONS_WAIT_MS, fetch)
        return True

    def forget(self, still_killing: Mapping[str, None], fetch: int) -> None:
        """A list of apps that was asked for after the news says who is still about to be killed."""
        for task_id in list(self.tasks):
            if task_id not in still_killing and self.tasks[task_id].seen_in_fetch < fetch:
                del self.tasks[task_id]

    def acknowledge_again(self) -> None:
        """Marathon is new or forgot: whatever is still being killed is told once more."""
        for waiting in self.tasks.values():
            waiting.is_acknowledged = False

    def changes(
        self, running: Running, leaving: Sequence[Key], sticky: Mapping[str, None], now_ms: int
    ) -> list[Change]:
        """What to tell HAProxy about the servers that must leave."""
        changes: list[Change] = []
        for key in [key for key in self.leaving if key not in leaving]:
            del self.leaving[key]  # gone, or wanted again
        for key in leaving:
            change = self._change(key, running, sticky, now_ms)
            if change is not None:
                changes.append(change)
        return changes

    def _change(
        self, key: Key, running: Running, sticky: Mapping[str, None], now_ms: int
    ) -> Change | None:
        backend, name = key
        entry = self.leaving.setdefault(key, Leaving())
        state = running.servers[backend][name]
        entry.is_closed = state is ServerState.MAINT
        if state is ServerState.READY:
            entry.is_quiet = entry.wants_closing = False
            # A drained server still takes the clients that hold its cookie; a closed one does not.
            return SetState(*key, ServerState.MAINT if backend in sticky else ServerState.DRAIN)
        if entry.wants_closing and not entry.is_closed:
            return SetState(*key, ServerState.MAINT)
        if entry.is_quiet and entry.is_closed and now_ms >= entry.remove_at_ms:
            entry.remove_at_ms = now_ms + REMOVE_AGAIN_MS
            return RemoveServer(*key)
        return None

    def not_acknowledged(self, task_ids: Sequence[str], now_ms: int) -> bool:
        """Marathon did not hear it; whether it is worth telling again."""
        late = [self.tasks[task_id] for task_id in task_ids if task_id in self.tasks]
        late = [waiting for waiting in late if now_ms < waiting.until_ms]
        for waiting in late:
            waiting.is_acknowledged = False
        return bool(late)

    def sessions_read(self, counts: Mapping[Key, int], leaving_workers: int, now_ms: int) -> None:
        self.last_poll_ms = now_ms
        if not leaving_workers:
            self.known_to_old_workers.clear()
        for key, entry in self.leaving.items():
            is_idle = counts.get(key, 0) == 0
            if entry.is_closed:
                entry.is_quiet = is_idle
            else:
                entry.wants_closing = is_idle

    def settled(self, running: Running | None, now_ms: int) -> tuple[str, ...]:
        """Tasks to acknowledge now. Without a running HAProxy nobody is served, nobody waits."""
        ready = [
            task_id
            for task_id, waiting in self.tasks.items()
            if not waiting.is_acknowledged
            and (now_ms >= waiting.until_ms or self._is_out(waiting, running))
        ]
        for task_id in ready:
            self.tasks[task_id].is_acknowledged = True
        return tuple(ready)

    def _is_out(self, waiting: Waiting, running: Running | None) -> bool:
        if running is None:
            return True
        for key in waiting.keys:
            if running.leaving_workers and key in self.known_to_old_workers:
                return False
            if key[1] in running.servers.get(key[0], {}):
                entry = self.leaving.get(key)
                if entry is None or not entry.is_quiet:
                    return False
        return True

    def reloaded(self, before: Running | None, leaving_workers: int) -> None:
        """A new worker serves; the ones before it keep the servers that they knew."""
        if not leaving_workers:
            self.known_to_old_workers.clear()
        elif before is not None:
            for backend in before.servers:
                for name in before.servers[backend]:
                    self.known_to_old_workers[backend, name] = None

    def stopped(self) -> None:
        """HAProxy is gone, and with it all sessions."""
        self.leaving.clear()
        self.known_to_old_workers.clear()

    def waiting_count(self) -> int:
        return sum(not waiting.is_acknowledged for waiting in self.tasks.values())

    def poll_keys(self) -> tuple[Key, ...]:
        return tuple(key for key, entry in self.leaving.items() if not entry.is_quiet)

    def next_poll_ms(self) -> int | None:
        """When sessions must be read again."""
        if any(not waiting.is_acknowledged for waiting in self.tasks.values()):
            return self.last_poll_ms + POLL_MS
        return self.last_poll_ms + POLL_SLOW_MS if self.poll_keys() else None

    def next_list_ms(self) -> int | None:
        """When an announced task must be taken out whatever is known of its successors."""
        return min((each.until_ms for each in self.announced.values()), default=None)

    def next_deadline_ms(self) -> int | None:
        times = [w.until_ms for w in self.tasks.values() if not w.is_acknowledged]
        times += [entry.remove_at_ms for entry in self.leaving.values() if entry.is_quiet]
        return min(times, default=None)
