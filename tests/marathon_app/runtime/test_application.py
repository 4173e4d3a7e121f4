"""One address for each resource. Source: C6, C17."""

import pytest

from marathon_app.runtime.application import normal_path


@pytest.mark.parametrize(
    ("path", "normal"),
    [
        ("/v2/apps", "/v2/apps"),
        ("/v2/apps/", "/v2/apps"),
        ("/v2/apps//a//tasks", "/v2/apps/a/tasks"),
        ("//", "/"),
        ("/", "/"),
        ("/marathon/v2/apps", "/v2/apps"),
        ("/service/marathon/v2/apps/", "/v2/apps"),
        ("/service/marathon", "/"),
        ("/marathonish/x", "/marathonish/x"),
    ],
)
def test_paths_are_made_normal(path: str, normal: str) -> None:
    assert normal_path(path) == normal
