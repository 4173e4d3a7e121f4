"""What changes make of the root group: apps, groups, versions, service ports, refusals."""

from marathon_app.core import effects, events, views
from marathon_app.core.settings import Settings
from marathon_app.schema.group import Group
from tests.marathon_app.core.world import World, make_app, update


def refused(answer: object, kind: effects.RefusedKind) -> effects.ChangeRefused:
    assert isinstance(answer, effects.ChangeRefused), answer
    assert answer.kind is kind
    return answer


def put_group(world: World, group: Group, **more: bool) -> object:
    return world.change(events.PutGroup(group), **more)


def test_an_app_below_a_group_makes_the_group() -> None:
    world = World()

    world.put("/a/b/web", cmd="sleep 1")

    found = views.group(world.machine, "/a")
    assert found is not None
    assert [group.id for group in found.groups] == ["/a/b"]
    assert [app.id for app in found.transitive_apps()] == ["/a/b/web"]


def test_a_partial_update_keeps_what_it_does_not_name() -> None:
    world = World()
    world.put("/web", cmd="sleep 1", env={"A": "1"}, instances=2)

    world.put("/web", env={"B": "2"})

    app = views.app(world.machine, "/web")
    assert app is not None
    assert (app.cmd, app.env, app.instances) == ("sleep 1", {"B": "2"}, 2)


def test_an_invalid_result_is_refused_with_the_field_named() -> None:
    world = World()
    world.put("/web", cmd="sleep 1")

    answer = refused(world.put("/web", cpus=-1), effects.RefusedKind.INVALID)

    assert answer.message == "Object is not valid"
    assert [detail.path for detail in answer.details] == ["/cpus"]
    assert views.app(world.machine, "/web").cpus == 1  # type: ignore[union-attr]


def test_a_post_on_a_taken_id_is_a_conflict() -> None:
    world = World()
    world.put("/web", cmd="sleep 1")

    post = events.PutApps((update("/web", cmd="x"),), events.Existing.ABSENT)

    answer = refused(world.change(post), effects.RefusedKind.CONFLICT)
    assert answer.message == "An app with id [/web] already exists."


def test_a_patch_of_an_unknown_app_is_refused() -> None:
    world = World()

    patch = events.PutApps((update("/web", cmd="x"),), events.Existing.PRESENT)

    answer = refused(world.change(patch), effects.RefusedKind.NOT_FOUND)
    assert answer.message == "App '/web' does not exist"


def test_an_id_is_an_app_or_a_group_but_not_both() -> None:
    world = World()
    world.put("/a/web", cmd="sleep 1")

    refused(world.put("/a", cmd="sleep 1"), effects.RefusedKind.INVALID)
    refused(world.put("/a/web/more", cmd="sleep 1"), effects.RefusedKind.INVALID)

    assert list(world.machine.root.apps) == ["/a/web"]


def test_cyclic_dependencies_are_refused() -> None:
    world = World()

    cycle = events.PutApps(
        (update("/a", cmd="x", dependencies=["/b"]), update("/b", cmd="x", dependencies=["/a"]))
    )

    answer = refused(world.change(cycle), effects.RefusedKind.UNRESOLVABLE)
    assert "cyclic dependencies" in answer.message
    assert world.machine.root.apps == {}


def test_a_group_takes_away_what_it_does_not_list() -> None:
    world = World()
    world.put("/shop/old", cmd="sleep 1")
    world.put("/other", cmd="sleep 1")

    new = Group(id="/shop", apps=(make_app("/shop/new"),), groups=(Group(id="/shop/sub"),))
    put_group(world, new)

    assert sorted(world.machine.root.apps) == ["/other", "/shop/new"]
    assert views.group(world.machine, "/shop/sub") is not None
    assert [len(world.running(i)) for i in ("/shop/old", "/shop/new")] == [0, 1]


def test_an_unchanged_app_of_a_group_is_not_restarted() -> None:
    world = World()
    put_group(world, Group(id="/shop", apps=(make_app("/shop/web"),)))

    put_group(world, Group(id="/shop", apps=(make_app("/shop/web"), make_app("/shop/db"))))

    assert len(world.launched) == 2


def test_a_groups_dependency_holds_for_all_of_its_apps() -> None:
    world = World()
    front = Group(
        id="/shop/front", apps=(make_app("/shop/front/web"),), dependencies=("/shop/back",)
    )
    back = Group(id="/shop/back", apps=(make_app("/shop/back/db"),))

    answer = world.change(events.PutGroup(Group(id="/shop", groups=(front, back))), dry_run=True)

    assert isinstance(answer, effects.ChangePlanned)
    assert [[action.app_id for action in step] for step in answer.steps[1:]] == [
        ["/shop/back/db"],
        ["/shop/front/web"],
    ]
    assert world.machine.root.apps == {}


def test_a_group_is_scaled_and_rolled_back_as_one() -> None:
    world = World()
    group = Group(id="/shop", apps=(make_app("/shop/a"), make_app("/shop/b", instances=3)))
    put_group(world, group)
    version = world.machine.root.version

    world.change(events.ScaleGroup("/shop", 1.5))
    assert [len(world.running(i)) for i in ("/shop/a", "/shop/b")] == [2, 5]
    world.change(events.RollbackGroup("/shop", version))

    assert [len(world.running(i)) for i in ("/shop/a", "/shop/b")] == [1, 3]


def test_a_deleted_group_takes_all_below_with_it() -> None:
    world = World()
    world.put("/shop/a/web", cmd="sleep 1")

    world.change(events.DeleteGroup("/shop"))

    assert views.group(world.machine, "/shop") is None
    assert world.states == {}
    refused(world.change(events.DeleteGroup("/shop")), effects.RefusedKind.NOT_FOUND)


def test_an_old_version_comes_back_with_its_instances() -> None:
    world = World()
    world.put("/web", cmd="v1", instances=2)
    first = views.app_versions(world.machine, "/web")[0]
    world.put("/web", cmd="v2", instances=5)

    world.change(events.RollbackApp("/web", first))

    assert len(world.running("/web")) == 2
    assert views.app(world.machine, "/web").cmd == "v1"  # type: ignore[union-attr]
    assert len(views.app_versions(world.machine, "/web")) == 3
    unknown = world.change(events.RollbackApp("/web", "2000-01-01T00:00:00.000Z"))
    refused(unknown, effects.RefusedKind.UNRESOLVABLE)


def test_fifty_versions_are_kept() -> None:
    world = World()

    for number in range(60):
        world.put("/web", cmd="sleep 1", instances=number % 2)

    assert len(views.app_versions(world.machine, "/web")) == 50
    world.restart()
    assert len(views.app_versions(world.machine, "/web")) == 50


def test_service_ports_are_given_out_once_and_kept() -> None:
    world = World()
    world.put("/a", cmd="x", portDefinitions=[{"port": 0}, {"port": 0}])
    world.put("/b", cmd="x", portDefinitions=[{"port": 0}])
    assert service_ports(world, "/a") == (10_000, 10_001)
    assert service_ports(world, "/b") == (10_002,)

    world.put("/a", portDefinitions=[{"port": 0}])
    world.put("/c", cmd="x", portDefinitions=[{"port": 0}])

    assert service_ports(world, "/a") == (10_000,)
    assert service_ports(world, "/c") == (10_001,)


def service_ports(world: World, app_id: str) -> tuple[int, ...]:
    app = views.app(world.machine, app_id)
    assert app is not None
    return app.service_ports


def test_scaling_and_configuring_are_told_apart() -> None:
    world = World()
    world.put("/web", cmd="v1")
    created = views.app(world.machine, "/web")
    assert created is not None
    assert created.version_info is None

    world.put("/web", instances=2)
    scaled = views.app(world.machine, "/web")
    world.put("/web", cmd="v2")
    changed = views.app(world.machine, "/web")

    assert scaled is not None
    assert changed is not None
    assert scaled.version_info is not None
    assert changed.version_info is not None
    assert scaled.version_info.last_scaling_at == scaled.version
    assert scaled.version_info.last_config_change_at == created.version
    assert changed.version_info.last_config_change_at == changed.version
    assert changed.version_info.last_scaling_at == scaled.version


def test_all_that_matters_comes_back_after_a_restart() -> None:
    world = World()
    world.put("/shop/web", cmd="v1", instances=2)
    world.put("/shop/web", cmd="v2")
    before = views.group(world.machine, "/"), views.app_versions(world.machine, "/shop/web")
    roots = views.group_versions(world.machine, "/shop")

    world.restart()

    after = views.group(world.machine, "/"), views.app_versions(world.machine, "/shop/web")
    assert after == before
    assert views.group_versions(world.machine, "/shop") == roots
    old = views.group_version(world.machine, "/shop", roots[-1])
    assert old is not None
    assert old.apps[0].cmd == "v1"


def test_too_many_deployments_at_once_are_refused() -> None:
    world = World("cpus:0.001;mem:1", settings=Settings(deployments_running_max=1))
    world.put("/a", cmd="x")

    refused(world.put("/b", cmd="x"), effects.RefusedKind.LIMIT)

    world.accepted(world.put("/c", cmd="x", force=True))
