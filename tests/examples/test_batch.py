"""The example framework is as short as docs/framework-sdk.md says; tests/cluster runs it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES_MAX = 60


def test_a_whole_framework_has_at_most_sixty_lines() -> None:
    assert len((ROOT / "examples" / "batch.py").read_text().splitlines()) <= LINES_MAX


def test_it_uses_what_the_page_teaches_and_nothing_private() -> None:
    module = ast.parse((ROOT / "examples" / "batch.py").read_text())
    imported = [node.module for node in ast.walk(module) if isinstance(node, ast.ImportFrom)]
    attributes = [node.attr for node in ast.walk(module) if isinstance(node, ast.Attribute)]

    assert sorted(filter(None, imported)) == [
        "kernel.framework.task",
        "kernel.messages.v1",
        "kernel.runtime.framework",
    ]
    assert not [name for name in attributes if name.startswith("_") and name != "__init__"]


def test_the_page_names_only_what_there_is() -> None:
    """Each method that its tables name there is, and each that there is they name."""
    page = (ROOT / "docs" / "framework-sdk.md").read_text()

    framework = page.split("## As a machine")[0]
    executor = page.split("## An executor of your own")[1].split("## On Mesos")[0]
    assert_names(framework, methods("framework"), ["tasks", "framework_id"])
    assert_names(executor, methods("executor"), ["tasks"])


def methods(module: str) -> list[str]:
    source = (ROOT / "kernel" / "runtime" / f"{module}.py").read_text()
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


def assert_names(tables: str, methods: list[str], properties: list[str]) -> None:
    rows = [line.split("`")[1] for line in tables.splitlines() if line.startswith("| `")]
    named = [row.partition("(")[0] for row in rows]
    assert [name for name in named if name not in methods] == []
    assert [name for name in methods if name not in [*named, *properties]] == []
