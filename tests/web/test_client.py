"""What an answer of another part means for a page."""

import pytest

from web.client import NotUnderstood, Part, PartDown, Reply


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_part_that_refuses_the_question_is_not_down(status: int) -> None:
    part = Part("Marathon", "http://127.0.0.1:1")

    with pytest.raises(NotUnderstood, match=str(status)):
        part.read(Reply(status, b'{"message":"no"}'), dict)


def test_a_part_that_fails_is_down() -> None:
    part = Part("Marathon", "http://127.0.0.1:1")

    with pytest.raises(PartDown) as failed:
        part.read(Reply(500, b""), dict)

    assert not isinstance(failed.value, NotUnderstood)
