"""Makes garbage: calls that are nearly right, bodies that are nearly JSON, and what is neither.

A nearly right call is made of the message's own type: every field may be there, with a value of
its type that nobody would send, or of another type. So a new message is tried without a new test.
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from msgspec import inspect

Json = Any

ODD_INTEGERS = (0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**30, 10**400)
ODD_NUMBERS = (0.0, 0.1, 0.0004, -1.0, 1e-300, 1e15, 1e18, 1e308, -1e308, 5)
ODD_TEXTS = (
    *(
        "",
        " ",
        "a",
        "a b",
        "..",
        ".",
        "a/b",
        "/a",
        "a" * 300,
        "é" * 130,
        "\x00",
        "\n",
        "\u202e",
        "*",
    ),
    *(
        "true",
        "-1",
        "1e999",
        "NaN",
        "Infinity",
        "99999999999999999999",
        "{}",
        "<b>",
        "%s%n",
        "${X}",
    ),
    "\ud800",  # half a pair: no text at all in UTF-8
)
DEEP = 2_000


def odd_values() -> st.SearchStrategy[Json]:
    """Anything that JSON can say, and mostly what one would not."""
    plain = st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from(ODD_INTEGERS),
        st.sampled_from(ODD_NUMBERS),
        st.sampled_from(ODD_TEXTS),
        st.text(max_size=20),
    )
    nested = st.recursive(
        plain,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=8,
    )
    return st.one_of(plain, nested, st.sampled_from([deep_list(50), deep_object(50)]))


def deep_list(depth: int) -> Json:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


def deep_object(depth: int) -> Json:
    value: Json = {}
    for _ in range(depth):
        value = {"labels": value}
    return value


ROOM = [
    {"name": name, "type": "SCALAR", "scalar": {"value": value}}
    for name, value in (("cpus", 0.1), ("mem", 32.0))
]


class Likeness:
    """Makes values like those of a message type. `pools` are known good values, by field."""

    def __init__(self, pools: Mapping[str, Sequence[Any]], *, wrong_percent: int = 2) -> None:
        self._pools = pools
        self.wrong_percent = wrong_percent

    def drawn(self, kind: Any, name: str, depth: int) -> st.SearchStrategy[Json]:
        """Of this type, or now and then of any."""
        return _drawn(self, kind, name, depth)

    def of(self, kind: type) -> st.SearchStrategy[Json]:
        """Values like those of a struct."""
        return self.drawn(inspect.type_info(kind), "", 0)

    def call(self, kind: type, type_: str, **always: Json) -> st.SearchStrategy[Json]:
        """A call of one type, with the part that the type names."""
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)
        parts = [f for f in info.fields if f.encode_name == type_.lower()]
        if not parts:
            return st.just({"type": type_, **always})
        payload = self.drawn(parts[0].type, parts[0].encode_name, 0)
        return payload.map(lambda made: {"type": type_, **always, type_.lower(): made})

    def right(self, draw: st.DrawFn, kind: Any, name: str, depth: int) -> Json:
        match kind:
            case inspect.UnionType():
                others = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
                return self.right(draw, draw(st.sampled_from(others)), name, depth)
            case inspect.StructType():
                return self._struct(draw, kind, name, depth)
            case inspect.ListType() | inspect.VarTupleType():
                count = draw(st.integers(0, 2 if depth < 5 else 0))
                return [draw(self.drawn(kind.item_type, name, depth + 1)) for _ in range(count)]
            case inspect.DictType():
                keys = draw(st.lists(self._text("role"), max_size=2))
                return {key: draw(self.drawn(kind.value_type, name, depth + 1)) for key in keys}
            case inspect.EnumType():
                return draw(st.sampled_from([each.value for each in kind.cls]))
            case _:
                return draw(self._plain(kind, name))

    def _struct(self, draw: st.DrawFn, kind: inspect.StructType, name: str, depth: int) -> Json:
        made: dict[str, Json] = {}
        if kind.tag_field is not None:
            made[kind.tag_field] = kind.tag
        for field in kind.fields:
            wanted = field.required or field.encode_name in self._pools
            percent = 97 if wanted else 25 if depth < 5 else 0
            if chosen(draw, percent):
                inner = name if field.encode_name == "value" else field.encode_name
                made[field.encode_name] = draw(self.drawn(field.type, inner, depth + 1))
        return made

    def _plain(self, kind: Any, name: str) -> st.SearchStrategy[Json]:
        match kind:
            case inspect.StrType():
                return self._text(name)
            case inspect.IntType():
                return st.sampled_from(ODD_INTEGERS) | st.integers(0, 100)
            case inspect.FloatType():
                return st.sampled_from(ODD_NUMBERS)
            case inspect.BoolType():
                return st.booleans()
            case inspect.BytesType():
                return st.sampled_from([0, 15, 16, 16, 16, 16, 17, 300]).map(
                    lambda size: b64encode(b"\x01" * size).decode()
                )
            case _:
                return odd_values()

    def _text(self, name: str) -> st.SearchStrategy[str]:
        pool = self._pools.get(name)
        if not pool:
            return st.sampled_from(ODD_TEXTS)
        # By number, for what is good just now may be more or less the next time.
        good = st.integers(0, 999).map(lambda number: pool[number % len(pool)])
        return st.one_of(good, good, good, good, st.sampled_from(ODD_TEXTS))


def chosen(draw: st.DrawFn, percent: int) -> bool:
    """So often. Hypothesis likes the ends of a range, so they must not mean anything."""
    return (draw(st.integers(0, 9_999)) * 7_919 + 50) // 10 % 100 < percent


@st.composite
def _drawn(draw: st.DrawFn, like: Likeness, kind: Any, name: str, depth: int) -> Json:
    if chosen(draw, like.wrong_percent):
        return draw(odd_values())
    return like.right(draw, kind, name, depth)


def json_bytes(value: Json) -> bytes:
    """As JSON; half a pair of surrogates is written as the bytes that are no UTF-8."""
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@st.composite
def broken_bodies(draw: st.DrawFn, right: bytes) -> bytes:
    """Bytes near `right`: cut, with bytes changed, doubled keys, another encoding, far too deep."""
    cut = draw(st.integers(0, max(0, len(right) - 1)))
    odd = draw(st.binary(min_size=1, max_size=8))
    way = draw(st.integers(0, 9))
    made = {
        0: right[:cut],
        1: right[:cut] + odd + right[cut:],
        2: right[:cut] + odd + right[cut + len(odd) :],
        3: right.replace(b"{", b'{"type":"KILL","type":[],', 1),
        4: right.decode("utf-8", "replace").encode("utf-16"),
        5: b"\xef\xbb\xbf" + right,
        6: right + right,
        7: b"[" * DEEP + right,
        8: b'{"a":' * DEEP + right + b"}" * DEEP,
        9: odd * 50,
    }
    return made[way]


@st.composite
def broken_protobuf(draw: st.DrawFn, right: bytes) -> bytes:
    """Bytes near a protobuf message: cut, bytes changed, lengths that lie, groups without end."""
    cut = draw(st.integers(0, max(0, len(right) - 1)))
    odd = draw(st.binary(min_size=1, max_size=8))
    way = draw(st.integers(0, 6))
    made = {
        0: right[:cut],
        1: right[:cut] + odd + right[cut + len(odd) :],
        2: right + odd,
        3: b"\x0a\xff\xff\xff\xff\x0f" + right,  # a length of 4 GiB
        4: b"\x0b" * DEEP,  # groups that nobody ends
        5: b"\xff" * 30 + right,  # a varint that does not end
        6: odd * 50,
    }
    return made[way]


def odd_paths(known: Sequence[str]) -> st.SearchStrategy[bytes]:
    """Request targets: known paths with odd ends and queries, and paths of nothing."""
    ends = (
        *("", "/", "//", "/..", "/%2e%2e/", "/%00", "/%", "/%zz", ";x", "/a" * 500, "/%ff%fe", "?"),
        *("?jsonp=", "?jsonp=alert(1)", "?limit=-1", "?limit=abc", "?limit=" + "9" * 400),
        *("?offset=-1", "?order=sideways", "?path=", "?path=%00", "?path=../../etc/passwd"),
        *("?path=/&offset=x&length=y", "?path=/&offset=99999999999999999999&length=-5"),
        *("?slave_id=%ff", "?framework_id=" + "x" * 2000, "?" + "a=b&" * 500, "?=&=&=", "?a[]=1"),
    )
    return st.builds(
        lambda path, end: (path + end).encode("latin-1"),
        st.sampled_from([*known, "", "/", "/nothing", "/master", "/slave(1)", "/api", "/tepui"]),
        st.sampled_from(ends),
    )


@st.composite
def accepts(draw: st.DrawFn, like: Likeness, offer: Json, operation: type, number: int) -> Json:
    """The payload of an ACCEPT of a real offer, whose operations may well be carried out."""
    info = inspect.type_info(operation)
    assert isinstance(info, inspect.StructType)
    fields = {field.encode_name: field.type for field in info.fields}
    names = [name for name in fields if name not in ("type", "id")]
    operations = []
    for at in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(["launch", "launch", *names]))
        made = draw(like.drawn(fields[name], name, 3))
        for order, task in enumerate(_tasks_in(made)):
            task["agent_id"] = offer["agent_id"]
            task["task_id"] = {"value": f"t{number}-{at}-{order}"}
            if chosen(draw, 70):
                task["resources"] = ROOM
            if chosen(draw, 60):
                task.pop("executor", None)
                task.setdefault("command", {"value": "true"})
        operations.append({"type": name.upper(), name: made})
        if chosen(draw, 20):
            operations[-1]["id"] = {"value": f"o{number}-{at}"}
    return {"offer_ids": [offer["id"]], "operations": operations}


def _tasks_in(made: Json) -> list[dict[str, Json]]:
    if not isinstance(made, dict):
        return []
    group = made.get("task_group")
    tasks = made.get("task_infos") or (group.get("tasks") if isinstance(group, dict) else None)
    return [t for t in tasks if isinstance(t, dict)] if isinstance(tasks, list) else []
