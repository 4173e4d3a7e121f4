"""A part may have several processes: who does not answer is passed over."""

import http.server
import threading
from collections.abc import Iterator

import pytest

from tests.processes import free_port
from web.alternatives import Alternatives
from web.client import Part, PartDown


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def alive() -> Iterator[str]:
    port = free_port()
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()
        thread.join()


def test_only_who_is_first_can_be_given_up() -> None:
    urls = Alternatives("http://a/, http://b")

    urls.give_up("http://a")
    urls.give_up("http://a")

    assert urls.url == "http://b"
    assert len(urls) == 2


def test_another_process_answers_for_one_that_is_gone(alive: str) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    part = Part("Marathon", f"{gone},{alive}")

    assert part.get("/v2/apps").status == 200
    assert part.url == alive
    part = Part("Marathon", f"{gone},{alive}")
    assert part.send("POST", "/v2/apps", {}).status == 200


def test_when_nobody_answers_one_of_them_is_named() -> None:
    part = Part("Marathon", f"http://127.0.0.1:{free_port()},http://127.0.0.1:{free_port()}")

    with pytest.raises(PartDown, match="connection refused"):
        part.get("/v2/apps")
