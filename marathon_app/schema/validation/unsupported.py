"""Refuses what no part of Tepui can do yet, instead of accepting it and doing something else.

DIFFERS: Marathon refuses some of these only without its feature flags. Each line here goes when the
thing works.
"""

from collections.abc import Iterator

from marathon_app.schema.app import App
from marathon_app.schema.problem import Problem

BUILT_IN_EXECUTORS = ("", "//cmd")


def unsupported_problems(app: App) -> Iterator[Problem]:
    if app.executor not in BUILT_IN_EXECUTORS:
        yield Problem("/executor", "custom executors are not supported yet; leave it empty")
    if app.secrets:
        yield Problem("/secrets", "Feature secrets is not enabled: there is no secret store yet")
    volumes = app.container.volumes if app.container else ()
    for index, volume in enumerate(volumes):
        path = f"/container/volumes({index})"
        if volume.persistent is not None:
            text = "persistent volumes are not supported yet; use a hostPath volume"
            yield Problem(f"{path}/persistent", text)
        if volume.external is not None:
            text = "Feature external_volumes is not enabled: there are no volume drivers yet"
            yield Problem(f"{path}/external", text)
        if volume.secret is not None:
            text = "Feature secrets is not enabled: there is no secret store yet"
            yield Problem(f"{path}/secret", text)
