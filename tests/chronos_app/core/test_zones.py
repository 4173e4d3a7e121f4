"""Zones by name."""

from datetime import UTC, datetime, timedelta

import pytest

from chronos_app.core.zones import JAVA_SHORT_NAMES, find_zone
from chronos_app.schema.refusal import Refused


def test_an_unknown_zone_is_refused_with_a_suggestion() -> None:
    """S13: Chronos read such a zone as GMT in silence."""
    with pytest.raises(Refused) as refused:
        find_zone("Europe/Berln", java_names=True)

    assert refused.value.refusal.field == "scheduleTimeZone"
    assert "Europe/Berlin" in refused.value.refusal.message


@pytest.mark.parametrize(
    "name", ["Mars/Phobos", "America", "../../etc/passwd", "Europe/", "é", "x\0"]
)
def test_no_odd_name_becomes_a_zone(name: str) -> None:
    with pytest.raises(Refused):
        find_zone(name, java_names=True)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("berlin", "Europe/Berlin"), ("utc", "UTC"), ("america/new york", "America/New_York")],
)
def test_a_city_or_another_spelling_leads_to_the_name(wrong: str, right: str) -> None:
    with pytest.raises(Refused, match=right):
        find_zone(wrong, java_names=True)


def test_javas_short_names_mean_what_java_says_and_carry_a_warning() -> None:
    """S14: "BST" is Bangladesh. Source: Java, ZoneId.SHORT_IDS."""
    for name in JAVA_SHORT_NAMES:
        assert find_zone(name, java_names=True).warning

    bst = find_zone("BST", java_names=True)
    assert bst.rules.utcoffset(datetime(2026, 1, 1)) == timedelta(hours=6)
    assert find_zone("EST", java_names=True).rules.utcoffset(None) == timedelta(hours=-5)


def test_javas_short_names_are_not_for_the_native_path() -> None:
    with pytest.raises(Refused):
        find_zone("PNT", java_names=False)


def test_custom_offsets_of_java_are_read() -> None:
    assert find_zone("GMT-08:30", java_names=True).rules.utcoffset(None) == timedelta(
        hours=-8, minutes=-30
    )
    assert find_zone("", java_names=True).rules is UTC
    with pytest.raises(Refused, match="18 hours"):
        find_zone("GMT+19", java_names=True)
