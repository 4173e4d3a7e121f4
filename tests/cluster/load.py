"""A client that never pauses: half of its threads keep their connection, half open a new one each
time.

Every answer that is not a 200 with a known body, every refusal and every reset is a failure, and is
kept.
"""

import http.client
import threading
import time
from collections import Counter
from types import TracebackType

PAUSE_S = 0.004  # between requests of one thread, so that two cores are not busy with this alone


class Load:
    """Runs from `with` to its end; then `failures` must be empty."""

    def __init__(self, port: int, *, threads: int = 6, host: str = "127.0.0.1") -> None:
        self._address = (host, port)
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=(number % 2 == 0,))
            for number in range(threads)
        ]
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.failures: list[str] = []

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _loop(self, keeps: bool) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=10)
        while not self._stop.is_set():
            try:
                self._note(self._ask(connection, keeps))
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                self._fail(f"{type(error).__name__}: {error} (keeps connection: {keeps})")
            if not keeps:
                connection.close()
            time.sleep(PAUSE_S)
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, keeps: bool) -> str:
        connection.request("GET", "/", headers={} if keeps else {"Connection": "close"})
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace").strip()
        if answer.status != 200:
            raise http.client.HTTPException(f"{answer.status} {body[:80]}")
        return body

    def _note(self, body: str) -> None:
        with self._lock:
            self.answers[body] += 1

    def _fail(self, words: str) -> None:
        with self._lock:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {words}")

    @property
    def count(self) -> int:
        return self.answers.total()
