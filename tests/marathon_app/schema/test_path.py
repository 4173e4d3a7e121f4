"""Ids: how they are resolved, and which are refused."""

import pytest

from marathon_app.schema import path


@pytest.mark.parametrize(
    ("written", "base", "absolute"),
    [
        ("web", "/", "/web"),
        ("/web", "/prod", "/web"),
        ("web", "/prod", "/prod/web"),
        ("../db", "/prod/web", "/prod/db"),
        ("./db", "/prod", "/prod/db"),
        ("../../../x", "/a", "/x"),
        ("//a//b/", "/", "/a/b"),
        ("", "/", "/"),
    ],
)
def test_relative_ids_are_resolved_against_their_group(
    written: str, base: str, absolute: str
) -> None:
    """Source: Marathon, docs/docs/application-groups.md, "Paths"."""
    assert path.resolve(written, base) == absolute


@pytest.mark.parametrize("app_id", ["/Web", "/a_b", "/-a", "/a-", "/a b", "/ä", "/a\nb", "/a..b"])
def test_ids_that_are_no_dns_labels_are_refused(app_id: str) -> None:
    """Source: Marathon, docs/docs/rest-api, "App id"."""
    assert "must fully match regular expression" in (path.problem_with_app_id(app_id) or "")


@pytest.mark.parametrize("app_id", ["/web", "/a.b/c-1", "/9", "relative", "../db"])
def test_dns_labels_and_relative_parts_are_fine(app_id: str) -> None:
    assert path.problem_with_app_id(app_id) is None


@pytest.mark.parametrize("verb", ["restart", "tasks", "versions"])
def test_an_id_may_not_end_in_a_verb_of_the_api(verb: str) -> None:
    """Source: Marathon §1.1, "must not end in restart, tasks, versions"."""
    assert verb in (path.problem_with_app_id(f"/web/{verb}") or "")
    assert path.problem_with_app_id(f"/{verb}/web") is None


@pytest.mark.parametrize("app_id", ["", "/", "//", ".", ".."])
def test_an_app_must_have_a_name(app_id: str) -> None:
    assert path.problem_with_app_id(app_id) is not None


def test_an_id_must_fit_into_a_task_id() -> None:
    assert path.problem_with("/" + "a" * path.LENGTH_MAX) is not None


def test_parents_and_descendants() -> None:
    assert path.parent("/a/b") == "/a"
    assert path.parent("/a") == "/"
    assert path.is_below("/a/b", "/a")
    assert path.is_below("/a", "/")
    assert not path.is_below("/ab", "/a")
    assert not path.is_below("/", "/")
