"""Rows, bars and folders of apps."""

from hypothesis import given
from hypothesis import strategies as st

from web.present import apps as present
from web.shapes.marathon import App, Delay, DeploymentId, Queued, QueuedApp


def app(**fields: object) -> App:
    return App(**{"id": "/shop/web", "instances": 2, "tasks_running": 2, **fields})  # type: ignore[arg-type]


def queued(**fields: object) -> Queued:
    return Queued(**{"app": QueuedApp("/shop/web"), "count": 1, **fields})  # type: ignore[arg-type]


def test_what_needs_a_look_comes_before_what_goes_by_itself() -> None:
    deploying = app(deployments=[DeploymentId("d")])

    assert present.app_row(app(), None).look.word == "Running"
    assert present.app_row(deploying, None).look.word == "Deploying"
    assert present.app_row(app(tasks_unhealthy=1), None).look.word == "Unhealthy"
    assert present.app_row(app(instances=0, tasks_running=0), None).look.word == "Suspended"
    assert present.app_row(deploying, queued()).look.word == "Waiting"


def test_an_app_in_backoff_says_when_it_starts_again() -> None:
    row = present.app_row(app(), queued(delay=Delay(time_left_seconds=7, overdue=False)))

    assert (row.look.word, row.note) == ("Delayed", "starts again in 7 seconds")


def test_the_health_bar_has_a_text_alternative() -> None:
    sick = app(instances=9, tasks_running=8, tasks_healthy=7, tasks_unhealthy=1, tasks_staged=1,
               health_checks=[{}])  # fmt: skip

    assert present.health_bar(sick).text == "7 of 9 healthy, 1 staging, 1 unhealthy"


@given(
    healthy=st.integers(0, 900),
    unhealthy=st.integers(0, 900),
    staged=st.integers(0, 900),
    instances=st.integers(0, 2000),
)
def test_the_health_bar_is_always_full_and_shows_every_part(
    healthy: int, unhealthy: int, staged: int, instances: int
) -> None:
    counted = app(instances=instances, tasks_running=healthy + unhealthy, tasks_healthy=healthy,
                  tasks_unhealthy=unhealthy, tasks_staged=staged, health_checks=[{}])  # fmt: skip

    segments = present.health_bar(counted).segments

    assert sum(each.width for each in segments) in (0, 1000)
    assert all(each.width >= 40 for each in segments)


def test_a_search_finds_words_in_ids_and_labels() -> None:
    rows = present.app_rows([app(labels={"team": "Blue"}), app(id="/ops/dns")], [])

    found = [row.id for row in present.matching(rows, "web blue", "", "/")]
    assert found == ["/shop/web"]
    assert [row.id for row in present.matching(rows, "", "", "/ops")] == ["/ops/dns"]
    assert present.matching(rows, "", "", "/op") == []


def test_folders_sum_what_lies_below() -> None:
    rows = present.app_rows([app(), app(id="/shop/a/b"), app(id="/top")], [])

    (shop,) = present.folders(rows, "/")
    assert (shop.path, shop.apps, shop.instances) == ("/shop", 2, 4)
    assert [row.id for row in present.directly_in(rows, "/")] == ["/top"]
    assert [row.id for row in present.directly_in(rows, "/shop")] == ["/shop/web"]


def test_instances_of_one_app_are_told_apart_by_short_names() -> None:
    long = "shop_web.instance-0a1b2c3d-5d2f-11ef-9d1e-0242ac110002._app.3"

    assert present.short_task_id(long) == "0a1b2c3d·3"
    assert present.short_task_id("short") == "short"
