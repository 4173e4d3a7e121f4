"""Label selectors. Source: Marathon §2.3, "Label selector"."""

import pytest

from marathon_app.schema import selector

LABELS = {"env": "prod", "team": "a-b", "odd key": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "env",
        "env==prod",
        " env == prod , team ",
        "env!=test",
        "env in (prod, test)",
        "env notin (test,dev)",
        "team==a-b",
        r"odd\ key==x",
    ],
)
def test_selectors_that_match(text: str) -> None:
    assert selector.parse(text).matches(LABELS)


@pytest.mark.parametrize(
    "text", ["no", "env==test", "env!=prod", "no!=x", "no notin (x)", "env in (test)", "env,no"]
)
def test_selectors_that_do_not_match(text: str) -> None:
    assert not selector.parse(text).matches(LABELS)


@pytest.mark.parametrize("text", [",", "env==", "env=prod", "env in ()", "env in (a", "a b", "a,"])
def test_what_cannot_be_read_is_said_with_its_place(text: str) -> None:
    with pytest.raises(selector.Malformed, match="character"):
        selector.parse(text)
