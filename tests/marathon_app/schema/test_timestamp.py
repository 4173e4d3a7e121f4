"""Versions have one form on the wire, whatever a client sends."""

import pytest

from marathon_app.schema import timestamp


def test_versions_have_three_digits_and_z() -> None:
    """Source: C4; marathon-python parses no other form."""
    assert timestamp.format_ms(0) == "1970-01-01T00:00:00.000Z"
    assert timestamp.format_ms(1_767_225_600_007) == "2026-01-01T00:00:00.007Z"


@pytest.mark.parametrize(
    "text",
    ["2026-01-01T00:00:00.007Z", "2026-01-01T01:00:00.007+01:00", "2026-01-01T00:00:00.007000Z"],
)
def test_other_spellings_of_a_moment_mean_the_same_version(text: str) -> None:
    assert timestamp.canonical(text) == "2026-01-01T00:00:00.007Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"])
def test_what_is_no_moment_is_no_version(text: str) -> None:
    assert timestamp.canonical(text) is None
