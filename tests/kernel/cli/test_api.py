"""Errors of servers become one sentence, the fields, and an exit code that scripts can trust."""

import json
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from kernel.cli import api
from tests.processes import free_port


@pytest.mark.parametrize(
    ("status", "code"), [(404, 4), (409, 5), (422, 1), (400, 1), (500, 1), (503, 3), (502, 3)]
)
def test_each_kind_of_refusal_has_its_exit_code(status: int, code: int) -> None:
    assert api.failure(status, b'{"message":"no"}').exit_code == code


def test_the_fields_that_are_wrong_are_listed() -> None:
    details = [{"path": "/cpus", "errors": ["must be positive", "must be a number"]}]
    body = json.dumps({"message": "Object is not valid", "details": details}).encode()

    words = api.failure(422, body).message

    assert words == "Object is not valid\n  /cpus: must be positive; must be a number"


def test_an_answer_that_is_no_json_is_still_shown() -> None:
    assert api.failure(400, b"Job 'x' not found").message == "Job 'x' not found"


def test_nobody_there_is_one_sentence_that_names_the_address() -> None:
    port = free_port()
    with pytest.raises(api.Failure, match=f"127.0.0.1:{port} cannot be reached") as caught:
        api.request("GET", f"http://127.0.0.1:{port}/v2/apps")

    assert caught.value.exit_code == 3


@pytest.mark.parametrize("url", ["ftp://x", "http://", "x"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    with pytest.raises(api.Failure) as caught:
        api.request("GET", url)

    assert caught.value.exit_code == 2


def test_a_principal_and_a_secret_in_the_address_are_shown_to_the_server_and_to_nobody_else() -> (
    None
):
    heard: list[str | None] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Authorization"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        url = f"http://ops:s%40ve@127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert api.request("GET", f"{url}/slaves") is None
        thread.join()

    assert heard == [f"Basic {b64encode(b'ops:s@ve').decode()}"]
    with pytest.raises(api.Failure, match="cannot be reached") as caught:
        api.request("GET", f"{url}/slaves")
    assert "ops" not in caught.value.message


class _Masters(BaseHTTPRequestHandler):
    """`/standby/…` knows who leads, `/lost` sends to itself."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/standby") or self.path == "/lost":
            self.send_response(307)
            here = "//{}:{}".format(*self.server.server_address)
            self.send_header("Location", here + ("/lost" if self.path == "/lost" else "/leader"))
            body = b""
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_standby_masters_word_is_followed_to_the_leader_with_the_body() -> None:
    """Source: mesos.md §2.3: 307 with a Location that has no scheme."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Masters) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"

        assert api.request("POST", f"{url}/standby/api", {"type": "GET_AGENTS"}) == {
            "type": "GET_AGENTS"
        }
        with pytest.raises(api.Failure, match="send to one another"):
            api.request("POST", f"{url}/lost", {})
        server.shutdown()
