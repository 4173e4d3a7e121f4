"""Fault domains. Source: Mesos, docs/fault-domains.md."""

import pytest

from kernel.messages.domains import domain_of, domain_text, parse_domain
from kernel.model.resources import ResourcesMalformed

JSON = '{"fault_domain":{"region":{"name":"eu"},"zone":{"name":"a"}}}'


def test_both_forms_of_the_flag_mean_the_same() -> None:
    assert parse_domain("eu/a") == parse_domain(JSON) == domain_of("eu", "a")
    assert domain_text(parse_domain(JSON)) == "eu/a"
    assert parse_domain("") is None


@pytest.mark.parametrize("text", ["eu", "eu/", "/a", "a/b/c", "{}", "{", '{"fault_domain":{}}'])
def test_what_is_no_domain_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ResourcesMalformed, match="region/zone"):
        parse_domain(text)
