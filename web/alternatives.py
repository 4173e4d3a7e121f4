"""Several processes of one part, of which any will do: standbys pass on what they are asked."""

import threading


class Alternatives:
    """Base URLs, separated by commas; the first is asked until it does not answer."""

    def __init__(self, text: str) -> None:
        self._urls = [url.strip().rstrip("/") for url in text.split(",") if url.strip()] or [""]
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._urls)

    @property
    def url(self) -> str:
        return self._urls[0]

    def give_up(self, url: str) -> None:
        """`url` does not answer: the next one's turn, unless it came already."""
        with self._lock:
            if self._urls[0] == url:
                self._urls = [*self._urls[1:], url]
