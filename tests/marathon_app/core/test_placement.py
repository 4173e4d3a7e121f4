"""What of an offer an instance gets: resources and ports, by the app's wishes."""

from kernel.messages import quantities, v1
from kernel.model.resources import parse
from marathon_app.core.constraints import Spread
from marathon_app.core.launch_queue import Reason, Rejection
from marathon_app.core.placement import Place, Site, place, site_of
from marathon_app.schema.app import App
from tests.marathon_app.core.world import World, make_app

NO_LIMITS = Spread([], 1, [])


def site(resources: str) -> Site:
    return site_of(
        v1.Offer(
            id=v1.Id("O1"),
            framework_id=v1.Id("f"),
            agent_id=v1.Id("a"),
            hostname="h",
            resources=quantities.to_wire(parse(resources)),
        ),
        wall_ms=0,
    )


def put(app: App, resources: str, cursor: int = 0) -> Place | Rejection:
    return place(app, "marathon", site(resources), NO_LIMITS, cursor)


def ports(found: Place | Rejection) -> tuple[int, ...]:
    assert isinstance(found, Place), found
    return found.ports


def test_host_ports_come_from_the_offer() -> None:
    app = make_app("/web", portDefinitions=[{"port": 0}, {"port": 8080}])

    assert ports(put(app, "cpus:1;mem:128;ports:[31000-31002]")) == (31000, 31001)
    assert ports(put(app, "cpus:1;mem:128;ports:[31000-31002]", 2)) == (31002, 31000)


def test_required_ports_are_taken_as_declared() -> None:
    app = make_app(
        "/web", requirePorts=True, portDefinitions=[{"port": 0}, {"port": 8080}, {"port": 0}]
    )

    assert ports(put(app, "cpus:1;mem:128;ports:[8080-8080,31000-31001]"))[1] == 8080
    refused = put(app, "cpus:1;mem:128;ports:[31000-31005]")
    assert isinstance(refused, Rejection)
    assert refused.reasons == (Reason.PORTS,)
    assert "needs port 8080, not in the offer" in refused.words


def test_a_container_port_needs_a_host_port_only_if_it_says_so() -> None:
    app = make_app(
        "/web",
        container={
            "docker": {"image": "nginx"},
            "portMappings": [{"containerPort": 80, "hostPort": 0}, {"containerPort": 81}],
        },
        networks=[{"mode": "container", "name": "overlay"}],
    )

    assert ports(put(app, "cpus:1;mem:128;ports:[31000-31002]")) == (31000, 0)


def test_a_short_offer_is_refused_with_every_shortage() -> None:
    found = put(make_app("/web", cpus=4, mem=512), "cpus:2.5;mem:128;ports:[31000-31000]")

    assert isinstance(found, Rejection)
    assert found.reasons == (Reason.CPUS, Reason.MEMORY)
    assert found.words == (
        "needs 4 cpus, has 2.5: short of 1.5; needs 512 MiB mem, has 128: short of 384"
    )


def test_only_accepted_roles_are_taken() -> None:
    app = make_app("/web", acceptedResourceRoles=["*"], portDefinitions=[])

    found = put(app, "cpus(marathon):4;mem(marathon):1000;cpus:0.5;mem:1000")
    assert isinstance(found, Rejection)
    assert found.reasons == (Reason.CPUS,)
    nothing = put(app, "cpus(marathon):4;mem(marathon):1000")

    assert isinstance(nothing, Rejection)
    assert nothing.reasons == (Reason.ROLE,)


def test_an_agent_in_maintenance_takes_nothing_new() -> None:
    at = site("cpus:4;mem:1000;ports:[1-9]")
    at.is_in_maintenance = True

    found = place(make_app("/web"), "marathon", at, NO_LIMITS, 0)

    assert isinstance(found, Rejection)
    assert found.reasons == (Reason.MAINTENANCE,)


def test_a_port_just_given_back_is_not_the_next_one_given_out() -> None:
    world = World()
    world.put("/web", cmd="v1", upgradeStrategy={"minimumHealthCapacity": 0})
    [before] = [i.ports for i in world.running("/web")]

    world.put("/web", cmd="v2")

    assert [i.ports for i in world.running("/web")] != [before]
