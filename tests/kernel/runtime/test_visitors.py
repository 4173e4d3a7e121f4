"""Which requests of browsers are turned away, and that programs never are."""

import pytest

from kernel.runtime.visitors import visitors

LOOPBACK = visitors("127.0.0.1", "node1, Tepui.example.com")
EVERYWHERE = visitors("0.0.0.0", "node1")
HOST = "127.0.0.1:8080"


@pytest.mark.parametrize("host", [HOST, "localhost:8080", "[::1]:8080", "NODE1:1", "10.0.0.1", ""])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_a_program_without_origin_is_served(host: str, method: str) -> None:
    assert LOOPBACK.refusal(method, {"host": host}) is None


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://[", ""]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "BREW"])
def test_a_page_of_another_origin_writes_nothing(origin: str, method: str) -> None:
    refusal = LOOPBACK.refusal(method, {"host": HOST, "origin": origin})
    assert refusal is not None and "Origin" in refusal


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_browser_that_says_it_comes_from_elsewhere_writes_nothing(site: str) -> None:
    refusal = LOOPBACK.refusal("POST", {"host": HOST, "sec-fetch-site": site})
    assert refusal is not None and "Sec-Fetch-Site" in refusal


def test_a_link_on_another_site_may_lead_here() -> None:
    headers = {"host": HOST, "sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"}
    assert LOOPBACK.refusal("GET", headers) is None


def test_our_own_page_writes() -> None:
    headers = {"host": HOST, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
    assert LOOPBACK.refusal("POST", headers) is None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_was_pointed_at_loopback_is_refused(method: str) -> None:
    """DNS rebinding: origin and host agree, and neither is ours."""
    headers = {"host": "evil.example:8080", "origin": "http://evil.example:8080"}
    assert "Host" in str(LOOPBACK.refusal(method, headers))
    assert "Host" in str(LOOPBACK.refusal(method, {"host": "evil.example:8080"}))
    assert "Host" in str(LOOPBACK.refusal(method, {"host": "["}))
    assert LOOPBACK.refusal(method, {"host": "tepui.example.com"}) is None


def test_off_loopback_programs_may_use_any_name_and_pages_only_ours() -> None:
    assert EVERYWHERE.refusal("POST", {"host": "master:5050"}) is None
    rebound = {"host": "evil.example", "origin": "http://evil.example"}
    assert EVERYWHERE.refusal("POST", rebound) is not None
    assert EVERYWHERE.refusal("POST", {"host": "node1", "origin": "http://node1"}) is None
