"""Reads plain JSON values into the schema's structs and collects every type error with its path.

msgspec's own decoder stops at the first error and words it in its own way; Marathon names all of
them, as Play does (`error.expected.jsstring`). Unknown fields are not errors: they are collected,
each with the field that was probably meant, so that the answer can carry a warning (DIFFERS:
Marathon says nothing).
What a value means, and whether it is allowed, is `validation`'s business.
"""

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from msgspec import Struct, inspect

from marathon_app.schema.problem import Problem

S = TypeVar("S", bound=Struct)

DEPTH_MAX = 64
INT_MAX = 2**31 - 1  # Marathon's integers are the JVM's
NUMBER_MAX = 10**15  # beyond it a double can't hold thousandths any more


class NestedTooDeeply(Exception):
    """The JSON is nested deeper than any Marathon object is."""


def without_nulls(value: object, depth: int = 0) -> object:
    """The same JSON where every key whose value is null is left out (C7)."""
    if depth > DEPTH_MAX:
        raise NestedTooDeeply
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            if item is not None:
                kept[key] = without_nulls(item, depth + 1)
        return kept
    if isinstance(value, list):
        return [without_nulls(item, depth + 1) for item in value]
    return value


class UnknownField(Struct, frozen=True):
    """A field that no reader knows; `meant` is the nearest known name, if one is near."""

    path: str
    meant: str | None


class Reader:
    """One pass over one JSON value. After `read`, `problems` and `unknown` say what was found."""

    def __init__(self, silent: Mapping[type[Struct], frozenset[str]] | None = None) -> None:
        self.problems: list[Problem] = []
        self.unknown: list[UnknownField] = []
        self._silent = silent or {}

    def read(self, kind: type[S], value: object, path: str = "") -> S | None:
        """The struct, or None when there was any problem below `path`."""
        before = len(self.problems)
        made = self._read(_described(kind), value, path)
        if len(self.problems) > before:
            return None
        assert isinstance(made, kind)
        return made

    def fields(self, kind: type[Struct], value: Mapping[str, object]) -> dict[str, Any]:
        """Those fields of `kind` that `value` has, read one by one; none is required."""
        described = _described(kind)
        found = {}
        for known in described.fields:
            if known.encode_name in value:
                item = value[known.encode_name]
                found[known.name] = self._read(known.type, item, f"/{known.encode_name}")
        self._note_unknown(described, value, "")
        return found

    def _read(self, kind: inspect.Type, value: object, path: str) -> Any:
        match kind:
            case inspect.StructType():
                return self._read_struct(kind, value, path)
            case inspect.UnionType():
                return self._read_union(kind, value, path)
            case inspect.VarTupleType():
                return self._read_array(kind, value, path)
            case inspect.DictType():
                return self._read_mapping(kind, value, path)
            case inspect.EnumType():
                return self._read_enum(kind, value, path)
            case inspect.LiteralType():
                return self._read_literal(kind, value, path)
            case _:
                return self._read_scalar(kind, value, path)

    def _read_struct(self, kind: inspect.StructType, value: object, path: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, "error.expected.jsobject")
        before = len(self.problems)
        found = {}
        for field in kind.fields:
            if field.encode_name in value:
                item = value[field.encode_name]
                found[field.name] = self._read(field.type, item, f"{path}/{field.encode_name}")
            elif field.required:
                self._wrong(f"{path}/{field.encode_name}", "error.path.missing")
        self._note_unknown(kind, value, path)
        return kind.cls(**found) if len(self.problems) == before else None

    def _note_unknown(
        self, kind: inspect.StructType, value: Mapping[str, object], path: str
    ) -> None:
        known = [field.encode_name for field in kind.fields]
        silent = self._silent.get(kind.cls, frozenset())
        for key in value:
            if key not in known and key not in silent:
                near = difflib.get_close_matches(key, known, 1)
                self.unknown.append(UnknownField(f"{path}/{key}", near[0] if near else None))

    def _read_union(self, kind: inspect.UnionType, value: object, path: str) -> Any:
        members = [member for member in kind.types if not isinstance(member, inspect.NoneType)]
        fitting = next((member for member in members if _fits(member, value)), members[0])
        if isinstance(fitting, inspect.IntType):  # `Number`: what is whole stays whole
            fitting = next((m for m in members if isinstance(m, inspect.FloatType)), fitting)
        return self._read(fitting, value, path)

    def _read_array(self, kind: inspect.VarTupleType, value: object, path: str) -> Any:
        if not isinstance(value, list):
            return self._wrong(path, "error.expected.jsarray")
        return tuple(
            self._read(kind.item_type, item, f"{path}({index})") for index, item in enumerate(value)
        )

    def _read_mapping(self, kind: inspect.DictType, value: object, path: str) -> Any:
        if not isinstance(value, dict):
            return self._wrong(path, "error.expected.jsobject")
        return {
            key: self._read(kind.value_type, item, f"{path}/{key}") for key, item in value.items()
        }

    def _read_enum(self, kind: inspect.EnumType, value: object, path: str) -> Any:
        members = [member.value for member in kind.cls]
        if not isinstance(value, str):
            return self._wrong(path, "error.expected.jsstring")
        if value not in members:
            return self._wrong(path, _unknown_literal(value, members))
        return kind.cls(value)

    def _read_literal(self, kind: inspect.LiteralType, value: object, path: str) -> Any:
        if not isinstance(value, str):
            return self._wrong(path, "error.expected.jsstring")
        if value not in kind.values:
            return self._wrong(path, _unknown_literal(value, [str(v) for v in kind.values]))
        return value

    def _read_scalar(self, kind: inspect.Type, value: object, path: str) -> Any:
        match kind:
            case inspect.StrType():
                if isinstance(value, str):
                    return value
                return self._wrong(path, "error.expected.jsstring")
            case inspect.BoolType():
                if isinstance(value, bool):
                    return value
                return self._wrong(path, "error.expected.jsboolean")
            case inspect.IntType() | inspect.FloatType():
                return self._read_number(kind, value, path)
            case _:
                raise AssertionError(f"the schema has a field of a kind nobody reads: {kind}")

    def _read_number(self, kind: inspect.Type, value: object, path: str) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self._wrong(path, "error.expected.jsnumber")
        if not abs(value) <= NUMBER_MAX:
            return self._wrong(path, f"error.expected.jsnumber of at most {NUMBER_MAX}")
        number = int(value) if value == int(value) else value
        if isinstance(kind, inspect.IntType):
            if not isinstance(number, int):
                return self._wrong(path, "error.expected.int")
            if abs(number) > INT_MAX:
                return self._wrong(path, f"error.expected.int of at most {INT_MAX}")
        return number

    def _wrong(self, path: str, message: str) -> None:
        self.problems.append(Problem(path or "/", message))


@cache
def _described(kind: type[Struct]) -> inspect.StructType:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return described


def _fits(kind: inspect.Type, value: object) -> bool:
    """Whether the JSON shape of `value` is that of `kind`: enough to choose in a union."""
    match kind:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.StrType() | inspect.LiteralType() | inspect.EnumType():
            return isinstance(value, str)
        case inspect.VarTupleType():
            return isinstance(value, list)
        case inspect.BoolType():
            return isinstance(value, bool)
        case _:
            return isinstance(value, int | float) and not isinstance(value, bool)


def _unknown_literal(value: str, allowed: list[str]) -> str:
    return f"error.unknown.enum.literal: '{value}' is none of {', '.join(allowed)}"
