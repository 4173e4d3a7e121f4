"""Reads a body the way Mesos does: forgiving where it forgives, refusing in its words.

`null` means absent, a lone element is a list of one, numbers and booleans may be text, an unknown
name of an optional enum is dropped. Well-formed bodies take the fast way through msgspec; only
others are walked here. Leaves the meaning to the caller. Source: Mesos, 3rdparty/stout
protobuf.hpp (JSON -> protobuf), recordings of a real master.
"""

import binascii
import re
from base64 import b64decode
from typing import Any, TypeVar

import msgspec
from msgspec import inspect

from kernel.messages.codec import Malformed, decode

T = TypeVar("T")

# DIFFERS: Mesos forgives in bodies of any size; what is walked here holds all others up meanwhile.
LENIENT_BYTES_MAX = 4 * 1024 * 1024

_ABSENT = object()
_WORDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}


def read_call(kind: type[T], body: bytes) -> T:
    """One call. Raises `Malformed` with the text that Mesos answers with 400."""
    try:
        return decode(kind, body)
    except Malformed as error:
        if len(body) > LENIENT_BYTES_MAX:
            raise Malformed(
                f"Failed to convert JSON into Call protobuf: {error}; a body of more than"
                f" {LENIENT_BYTES_MAX} bytes must be exact"
            ) from None
        return _read_slowly(kind, body)


def _read_slowly(kind: type[T], body: bytes) -> T:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("Failed to parse body into JSON: syntax error at line 1 near: ") from None
    head = "Failed to convert JSON into Call protobuf"
    if not isinstance(value, dict):
        raise Malformed(f"{head}: Expecting a JSON object")
    try:
        return read_value(kind, value)
    except Malformed as error:
        raise Malformed(f"{head}: {error}") from None


def read_value(kind: type[T], value: Any) -> T:
    """As `read_call`, of what has been parsed already, without its heading. Raises `Malformed`."""
    missing: list[str] = []
    try:
        fitted = _fit(value, inspect.type_info(kind), "", missing)
        if missing:
            raise Malformed(f"Missing required fields: {', '.join(missing)}")
        return msgspec.convert(fitted, kind, strict=False)
    except (msgspec.ValidationError, RecursionError) as error:
        raise Malformed(str(error)) from None


def _fit(value: Any, kind: inspect.Type, path: str, missing: list[str]) -> Any:
    """The value in the shape that `kind` wants; `path` is how people are told of it."""
    match kind:
        case inspect.UnionType():
            others = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
            return _fit(value, others[0], path, missing) if len(others) == 1 else value
        case inspect.StructType():
            return _fit_struct(value, kind, path, missing)
        case inspect.ListType():
            items = value if isinstance(value, list) else [value]
            return [
                _fit(item, kind.item_type, f"{path}[{at}]", missing)
                for at, item in enumerate(items)
            ]
        case inspect.DictType():
            if not isinstance(value, dict):
                raise _unexpected(value, path)
            return {k: _fit(v, kind.value_type, f"{path}.{k}", missing) for k, v in value.items()}
        case inspect.EnumType():
            if not isinstance(value, str):
                raise _unexpected(value, path)
            return value if value in [each.value for each in kind.cls] else _ABSENT
        case _:
            return _fit_plain(value, kind, path)


def _fit_struct(value: Any, kind: inspect.StructType, path: str, missing: list[str]) -> Any:
    if not isinstance(value, dict):
        raise _unexpected(value, path)
    fitted: dict[str, Any] = {}
    for field in kind.fields:
        name = f"{path}.{field.encode_name}" if path else field.encode_name
        found = value.get(field.encode_name)
        part = _ABSENT if found is None else _fit(found, field.type, name, missing)
        if part is not _ABSENT:
            fitted[field.encode_name] = part
        elif field.required:
            missing.append(name)
    return fitted


def _fit_plain(value: Any, kind: inspect.Type, path: str) -> Any:
    if isinstance(value, (dict, list)) and not isinstance(kind, inspect.AnyType):
        raise _unexpected(value, path)
    match kind:
        case inspect.StrType():
            if not isinstance(value, str):
                raise _unexpected(value, path)
        case inspect.IntType() | inspect.FloatType():
            return _number(value, isinstance(kind, inspect.IntType), path)
        case inspect.BoolType():
            if isinstance(value, str):
                value = {"true": True, "false": False}.get(value, value)
            if not isinstance(value, bool):
                raise _unexpected(value, path)
        case inspect.BytesType():
            _check_base64(value, path)
    return value


def _number(value: Any, is_whole: bool, path: str) -> Any:
    if isinstance(value, bool):
        raise _unexpected(value, path)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise Malformed(
                f"Failed to parse '{value}' as a JSON number for field '{_last(path)}': syntax"
                f" error at line 1 near: {value[1:]}"
            ) from None
    if is_whole and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _check_base64(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise _unexpected(value, path)
    try:
        b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        wrong = re.search(r"[^A-Za-z0-9+/=]", value)
        why = f"Invalid character '{wrong[0]}'" if wrong else "Invalid length"
        raise Malformed(f"Failed to base64 decode bytes field '{_last(path)}': {why}") from None


def _unexpected(value: Any, path: str) -> Malformed:
    word = _WORDS.get(type(value), "object")
    return Malformed(f"Not expecting a JSON {word} for field '{_last(path)}'")


def _last(path: str) -> str:
    return path.rsplit(".", 1)[-1].split("[", 1)[0]
