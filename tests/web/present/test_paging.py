"""Pages of long lists."""

from web.present import paging


def test_a_page_beyond_the_end_is_the_last_one() -> None:
    page = paging.page_of(range(120), 99, size=50)

    assert (page.number, page.first, page.last, page.total) == (3, 101, 120, 120)
    assert paging.page_of([], 5).number == 1


def test_a_link_keeps_what_was_asked_and_starts_at_the_first_page() -> None:
    query = {"q": "a&b", "page": "3", "state": ""}

    assert paging.link("/apps", query, sort="-name") == "/apps?q=a%26b&sort=-name"
    assert paging.link("/apps", query, page=2) == "/apps?q=a%26b&page=2"


def test_an_unknown_column_sorts_by_the_first() -> None:
    assert paging.sorting("-cpus", ("name", "cpus")) == ("cpus", True)
    assert paging.sorting("evil", ("name", "cpus")) == ("name", False)
