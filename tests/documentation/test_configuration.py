"""The pages that are made from the code are those that the code makes now."""

from tests.documentation.configuration import PAGE, page


def test_the_configuration_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.documentation`"
