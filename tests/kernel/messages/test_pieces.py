"""Answers of many parts are the same bytes as if they had been joined."""

import json

from hypothesis import given
from hypothesis import strategies as st

from kernel.messages.codec import encode
from kernel.messages.pieces import Pieces, array, obj, objects


@given(st.lists(st.integers(), max_size=600), st.dictionaries(st.text(), st.integers(), max_size=3))
def test_pieces_are_one_json_value(items: list[int], head: dict[str, int]) -> None:
    encoded = [encode(item) for item in items]
    pieces = obj([("\x00items", array(encoded)), ("\x00none", b"null")], encode(head))

    assert json.loads(bytes(pieces)) == {**head, "\x00items": items, "\x00none": None}
    assert len(pieces) == len(bytes(pieces))
    assert b"".join(pieces.chunks()) == bytes(pieces)


def test_objects_and_what_is_around_them() -> None:
    pieces = objects([obj([("a", b"1")]), Pieces([b"{}"])]).around(b"f(", b")")

    assert bytes(pieces) == b'f([{"a":1},{}])'
    assert bytes(objects([])) == b"[]"
