"""Errors of servers become one sentence, the fields, and an exit code that scripts can trust."""

import json

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
