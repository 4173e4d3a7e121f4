"""The house rules that no linter knows: sizes, docstrings, names, purity, and what may not land.

The budgets are those of CONTRIBUTING.md. `OVER` lists what is over budget, with its size: it may
only shrink, and an entry that is no longer needed fails, too.
"""

import ast
import configparser
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec import Struct

ROOT = Path(__file__).parents[1]
PACKAGES = ("kernel", "marathon_app", "chronos_app", "lb", "web", "deliveries")
FILE_LINES_MAX, FUNCTION_LINES_MAX, CLASS_LINES_MAX, METHODS_MAX = 600, 60, 400, 20
OVER: dict[str, int] = {
    "kernel/runtime/driver.py:Driver methods": 21,
}

BANNED_MODULES = ("utils", "util", "helpers", "common", "manager", "base", "misc")
BANNED_WORDS = re.compile(r"\b(FIXME|XXX|blacklist|whitelist)\b")
#: How Mesos spells a flag is not ours to choose: where it is read, and nowhere else.
WIRE_WORDS = {
    "kernel/runtime/master/config.py": (
        "whitelist: Annotated[",
        "config.whitelist",
        'HOSTS_FLAG = "whitelist"',
    )
}
TODO = re.compile(r"\bTODO\b(?!.*#\d+)")  # one must name an issue

# What decides and therefore must be pure, by folder; `…/runtime` and the entry points do the rest.
PURE = (
    "kernel/machine.py", "kernel/model", "kernel/messages", "kernel/allocator", "kernel/master",
    "kernel/agent", "kernel/executor", "kernel/framework", "marathon_app/schema",
    "marathon_app/core", "chronos_app/schema", "chronos_app/core", "lb", "web/present",
)  # fmt: skip
NOT_PURE = ("runtime", "__main__", "__init__", "config")


class Size(Struct, frozen=True):
    """Of one thing: what it is and how large."""

    name: str
    lines: int


def modules(*places: str) -> Iterator[Path]:
    for place in places:
        path = ROOT / place
        yield from [path] if path.suffix == ".py" else sorted(path.rglob("*.py"))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def length(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Without the docstring: explaining is never over budget."""
    assert node.end_lineno is not None
    lines = node.end_lineno - node.lineno + 1
    if ast.get_docstring(node) is not None:
        first = node.body[0]
        assert first.end_lineno is not None
        lines -= first.end_lineno - first.lineno + 1
    return lines


def files() -> list[Size]:
    return [Size(shown(path), len(path.read_text().splitlines())) for path in modules(*PACKAGES)]


def functions() -> list[Size]:
    return [
        Size(f"{shown(path)}:{node.name}", length(node))
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def classes() -> list[tuple[Size, int]]:
    return [
        (Size(f"{shown(path)}:{node.name}", length(node)), methods(node))
        for path in modules(*PACKAGES)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    ]


def methods(node: ast.ClassDef) -> int:
    return sum(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in node.body)


def report(name: str, sizes: list[Size]) -> None:
    lines = sorted(size.lines for size in sizes)
    p95 = lines[round(0.95 * (len(lines) - 1))]
    print(f"{name}: {len(lines)}, p50 {statistics.median(lines):g}, p95 {p95}, max {lines[-1]}")


def test_sizes_keep_the_budget() -> None:
    report("lines per file", files())
    report("lines per function", functions())
    over = {size.name: size.lines for size in files() if size.lines > FILE_LINES_MAX}
    over |= {size.name: size.lines for size in functions() if size.lines > FUNCTION_LINES_MAX}
    over |= {size.name: size.lines for size, _ in classes() if size.lines > CLASS_LINES_MAX}
    over |= {f"{size.name} methods": count for size, count in classes() if count > METHODS_MAX}

    grown = {name: lines for name, lines in over.items() if lines > OVER.get(name, 0)}
    needless = [name for name in OVER if name not in over]
    assert grown == {}, "split it by meaning"
    assert needless == [], "well done: take it out of OVER"


def test_every_module_says_what_it_does() -> None:
    silent = [
        shown(path) for path in modules(*PACKAGES, "tests") if not ast.get_docstring(tree(path))
    ]

    assert [name for name in silent if not is_empty(name)] == []


def is_empty(name: str) -> bool:
    """A test package's `__init__.py` may say nothing at all."""
    return name.startswith("tests/") and not (ROOT / name).read_text().strip()


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [shown(path) for path in modules(*PACKAGES) if path.stem in BANNED_MODULES] == []


def test_nothing_lands_that_is_marked_as_unfinished() -> None:
    found = [
        f"{shown(path)}:{number}: {line.strip()}"
        for path in modules(*PACKAGES, "tests", "examples")
        if path.name != Path(__file__).name
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if BANNED_WORDS.search(without_wire_words(path, line)) or TODO.search(line)
    ]
    assert found == []


def without_wire_words(path: Path, line: str) -> str:
    for word in WIRE_WORDS.get(shown(path), ()):
        line = line.replace(word, "")
    return line


def test_our_own_code_is_never_mocked() -> None:
    mocked = [
        shown(path) for path in modules("tests") if imports(tree(path), "unittest.mock", "mock")
    ]

    assert mocked == []


def imports(module: ast.Module, *names: str) -> bool:
    for node in ast.walk(module):
        if isinstance(node, ast.ImportFrom) and node.module in names:
            return True
        if isinstance(node, ast.Import) and any(each.name in names for each in node.names):
            return True
    return False


def test_every_module_that_decides_is_under_the_purity_contract() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    covered = config["importlinter:contract:pure"]["source_modules"].split()
    pure = [path for path in modules(*PURE) if not any(part in NOT_PURE for part in parts(path))]

    names = [".".join(parts(path)) for path in pure]
    assert [name for name in names if not is_covered(name, covered)] == []


def parts(path: Path) -> tuple[str, ...]:
    return path.relative_to(ROOT).with_suffix("").parts


def is_covered(name: str, covered: list[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in covered)


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_stand_where_what_they_test_stands(package: str) -> None:
    stray = [
        shown(path)
        for path in modules(f"tests/{package}")
        if path.stem.startswith("test_") and not mirrors(path)
    ]
    assert stray == []


def mirrors(path: Path) -> bool:
    """`tests/kernel/master/test_offers.py` is about `kernel/master/offers.py`, or about how the
    modules of that package work together."""
    place = ROOT / path.parent.relative_to(ROOT / "tests")
    return place.is_dir() or place.with_suffix(".py").exists()
