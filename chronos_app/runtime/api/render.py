"""Answers as Chronos's clients expect them: 204 with no body, JSON on one line, plain text."""

from typing import Any

import msgspec
from flask import Response

from chronos_app.schema.job import Dialect
from chronos_app.schema.refusal import Refusal

_NAMES = {400: "Bad Request", 404: "Not Found", 503: "Service Unavailable", 507: "Storage Full"}


def nothing() -> Response:
    """Done. chronos-python takes an empty body with any other status for an error."""
    answer = Response(status=204)
    answer.headers.pop("Content-Type", None)
    return answer


def json(value: Any, status: int = 200) -> Response:
    return encoded(msgspec.json.encode(value), status)


def encoded(body: bytes, status: int = 200) -> Response:
    return Response(body, status, content_type="application/json")


def text(value: str, status: int = 200) -> Response:
    return Response(value, status, content_type="text/plain; charset=utf-8")


def refusal(found: Refusal, dialect: Dialect) -> Response:
    """2.x said it in plain text, 3.x in JSON; both name the field."""
    sentence = f"{found.field}: {found.message}" if found.field else found.message
    # chronos-python reads any text with the word "message" in it as JSON.
    if dialect is Dialect.V2 and "message" not in sentence:
        return text(sentence, found.status)
    status = _NAMES.get(found.status, "Error")
    body = {"status": status, "message": sentence, "field": found.field}
    return json(body, found.status)
