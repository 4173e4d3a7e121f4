"""Differences between versions."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from web.present import diff

objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    max_size=5,
)


def test_each_changed_leaf_is_one_row() -> None:
    before = {"mem": 64, "env": {"A": "1", "B": "2"}, "cmd": "x"}
    after = {"mem": 128, "env": {"A": "1"}, "cmd": "x", "args": []}

    rows = [(c.path, c.kind, c.before, c.after) for c in diff.changes(before, after)]

    assert rows == [
        ("args", "added", "", "[]"),
        ("env.B", "removed", "2", ""),
        ("mem", "changed", "64", "128"),
    ]


def test_what_only_answers_hold_is_no_difference() -> None:
    answer = {"id": "/x", "version": "v2", "tasksRunning": 3, "tasks": [], "deployments": []}

    assert diff.definition_of(answer) == {"id": "/x"}


@given(objects)
def test_the_pretty_json_means_the_same(value: dict[str, Any]) -> None:
    assert msgspec.json.decode(diff.pretty(value)) == value


def test_filling_an_empty_object_is_told_once() -> None:
    rows = diff.changes({"labels": {}}, {"labels": {"a": "1"}})

    assert [(row.path, row.kind) for row in rows] == [("labels.a", "added")]
