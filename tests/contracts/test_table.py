"""No contract is forgotten: each has a test that bears its number, or a reason in the open."""

import re
from pathlib import Path

from tests.contracts.table import CONTRACTS, PENDING

HERE = Path(__file__).parent
DIFFERENCES = HERE.parents[1] / "docs" / "differences.md"
NAMED = re.compile(r"^def test_([a-d]\d+)_", re.MULTILINE)


def numbered() -> set[str]:
    return {
        number.upper()
        for path in HERE.glob("test_*.py")
        for number in NAMED.findall(path.read_text())
    }


def test_every_contract_has_a_test_or_a_reason() -> None:
    explained = set(re.findall(r"\(contract ([A-D]\d+)\)", DIFFERENCES.read_text()))
    known = numbered() | explained | set(PENDING)

    assert [number for number in CONTRACTS if number not in known] == []


def test_no_contract_is_pending_that_has_a_test() -> None:
    assert [number for number in PENDING if number in numbered()] == []


def test_only_contracts_are_numbered() -> None:
    assert [number for number in sorted(numbered()) if number not in CONTRACTS] == []
