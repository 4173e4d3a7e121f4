"""One HTTP/1.1 response, taken in as it comes: head, then chunks or a body of known length."""


class HttpParser:
    """The methods of http-parser's class that pymesos calls, under their names."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._body = bytearray()
        self._status = 0
        self._headers: dict[str, str] = {}
        self._is_headed = False
        self._is_complete = False

    def execute(self, data: bytes, length: int) -> int:
        """Take `data` in; all of it always counts as parsed."""
        self._pending += data[:length]
        if not self._is_headed:
            head, blank, rest = bytes(self._pending).partition(b"\r\n\r\n")
            if not blank:
                return length
            self._read_head(head.decode("latin-1"))
            self._pending[:] = rest
        if self.is_chunked():
            self._read_chunks()
        else:
            self._body += self._pending
            self._pending.clear()
            self._is_complete = len(self._body) >= int(self._header("content-length") or 0)
        return length

    def _read_head(self, head: str) -> None:
        first, *lines = head.split("\r\n")
        self._status = int(first.split(" ")[1])
        for line in lines:
            name, _, value = line.partition(":")
            self._headers[name.strip()] = value.strip()
        self._is_headed = True

    def _read_chunks(self) -> None:
        while not self._is_complete:
            size_line, line_end, rest = bytes(self._pending).partition(b"\r\n")
            if not line_end:
                return
            size = int(size_line.partition(b";")[0], 16)
            if len(rest) < size + 2:
                return
            self._body += rest[:size]
            self._pending[:] = rest[size + 2 :]
            self._is_complete = size == 0

    def _header(self, wanted: str) -> str | None:
        return next((v for name, v in self._headers.items() if name.lower() == wanted), None)

    def is_headers_complete(self) -> bool:
        return self._is_headed

    def is_message_complete(self) -> bool:
        return self._is_complete

    def is_chunked(self) -> bool:
        return (self._header("transfer-encoding") or "").lower() == "chunked"

    def is_partial_body(self) -> bool:
        return bool(self._body)

    def get_status_code(self) -> int:
        return self._status

    def get_headers(self) -> dict[str, str]:
        return dict(self._headers)

    def get_errno(self) -> int:
        return 0

    def recv_body(self) -> bytes:
        """What has come of the body since it was last asked for."""
        taken = bytes(self._body)
        self._body.clear()
        return taken
