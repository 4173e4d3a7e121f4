"""Every contract of mesos.md §6, by number. `test_table` holds this list against the tests."""

CONTRACTS = (
    *("A1", "A2", "A4", "A7", "A8", "A9", "A10", "A11", "A12", "A13", "A14", "A15", "A16"),
    *("B2", "B6", "B7", "B11", "B12", "B13", "B15"),
    *("C3", "C5", "C7", "C8", "C9", "C10", "C12", "C14", "C17"),
    *("D2", "D3", "D4", "D5", "D6", "D7", "D8", "D9", "D10", "D12", "D13", "D14", "D15", "D16"),
)

#: Contract -> what is missing. Must be empty in the end.
PENDING: dict[str, str] = {}
