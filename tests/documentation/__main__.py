"""Writes what is made from the code."""

from tests.documentation.configuration import PAGE, page

PAGE.write_text(page())
