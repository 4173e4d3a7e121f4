"""Type errors: all at once, with Marathon's words and the path of each."""

from typing import Any

import pytest
from msgspec import Struct

from marathon_app.schema.app import App
from marathon_app.schema.problem import Problem
from marathon_app.schema.reading import NestedTooDeeply, Reader, UnknownField, without_nulls


def problems(body: object) -> list[Problem]:
    reader = Reader()
    assert reader.read(App, body) is None
    return reader.problems


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("cmd", 1, "error.expected.jsstring"),
        ("cpus", "1", "error.expected.jsnumber"),
        ("cpus", True, "error.expected.jsnumber"),
        ("instances", 1.5, "error.expected.int"),
        ("instances", 2**31, "error.expected.int of at most 2147483647"),
        ("mem", 1e300, "error.expected.jsnumber of at most 1000000000000000"),
        ("requirePorts", "true", "error.expected.jsboolean"),
        ("args", "a b", "error.expected.jsarray"),
        ("env", [], "error.expected.jsobject"),
        ("labels", "x", "error.expected.jsobject"),
        ("container", [], "error.expected.jsobject"),
    ],
)
def test_each_wrong_type_has_marathons_words(field: str, value: object, message: str) -> None:
    """Source: Marathon §2.2, 422 "Invalid JSON"."""
    assert problems({"id": "/a", field: value}) == [Problem(f"/{field}", message)]


def test_all_type_errors_are_named_at_once_with_their_paths() -> None:
    body = {
        "cpus": "x",
        "labels": {"a": 1},
        "constraints": [["a", 2]],
        "healthChecks": [{}, {"command": {}}],
        "portDefinitions": [{"port": "80"}],
    }

    assert [problem.path for problem in problems(body)] == [
        "/id",
        "/labels/a",
        "/cpus",
        "/constraints(0)(1)",
        "/portDefinitions(0)/port",
        "/healthChecks(1)/command/value",
    ]


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    (found,) = problems({"id": "/a", "killSelection": "RANDOM"})

    assert found.path == "/killSelection"
    assert "YOUNGEST_FIRST, OLDEST_FIRST" in found.message


def test_unknown_fields_are_no_problem_but_noted_with_what_was_meant() -> None:
    reader = Reader()

    read = reader.read(App, {"id": "/a", "instancs": 2, "container": {"dokcer": {}}, "zzz": 1})

    assert read == App(id="/a", container=read.container if read else None)
    assert reader.unknown == [
        UnknownField("/container/dokcer", "docker"),
        UnknownField("/instancs", "instances"),
        UnknownField("/zzz", None),
    ]


def test_whole_numbers_stay_whole() -> None:
    reader = Reader()
    read = reader.read(App, {"id": "/a", "cpus": 1.0, "mem": 128, "instances": 2.0})
    assert read is not None
    assert (repr(read.cpus), repr(read.mem), repr(read.instances)) == ("1", "128", "2")


def test_null_means_absent_at_every_depth() -> None:
    """Source: C7; go-marathon sends `"ports":null`."""
    body = {"a": None, "b": {"c": None, "d": [{"e": None}]}}
    assert without_nulls(body) == {"b": {"d": [{}]}}


def test_bodies_nested_beyond_any_use_are_refused() -> None:
    body: Any = {}
    for _ in range(100):
        body = {"a": body}
    with pytest.raises(NestedTooDeeply):
        without_nulls(body)


def test_every_field_of_the_schema_can_be_read() -> None:
    """A field of a kind that the reader does not know would be a mistake of ours."""
    from_defaults = {"id": "/a"}
    values: list[object] = [1, "x", True, [], {}, [{}], {"x": {}}, [[1]], 1.5]
    for name in App.__struct_encode_fields__:
        for value in values:
            Reader().read(App, {**from_defaults, name: value})


class Pair(Struct):
    a: int
    b: int | None = None


def test_a_required_field_that_is_missing_is_named() -> None:
    reader = Reader()
    assert reader.read(Pair, {"b": 1}, "/pairs(0)") is None
    assert reader.problems == [Problem("/pairs(0)/a", "error.path.missing")]
