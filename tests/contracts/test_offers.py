"""Contracts B: offers, filters, what is accepted. Source: mesos.md §6 B."""

from collections.abc import Callable

from tests.contracts.cluster import Cluster, OwnCluster
from tests.contracts.scheduler import (
    Scheduler,
    amount,
    framework_info,
    scalar,
    task,
)
from tests.contracts.wire import Json, shown, wait_until

MakeCluster = Callable[..., OwnCluster]
LONG = {"refuse_seconds": 600.0}


def offers_of(scheduler: Scheduler, *, within_s: float) -> list[Json]:
    """Those that are open after a short look."""
    scheduler.stream.quiet("NONE", within_s)
    return scheduler.offers()


def test_b2_what_was_declined_for_no_time_is_offered_again(cluster: Cluster) -> None:
    """B2."""
    with Scheduler(cluster.master) as scheduler:
        first = scheduler.offer()
        scheduler.decline(first)
        again = scheduler.offer(timeout_s=5)

        assert again["agent_id"] == first["agent_id"]
        assert again["id"] != first["id"]


def test_b2_declining_an_unknown_offer_is_taken_and_changes_nothing(cluster: Cluster) -> None:
    """B2."""
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        answer = scheduler.call("DECLINE", offer_ids=[{"value": "never-made"}])

        assert (answer.status, answer.body) == (202, b"")
        scheduler.launch(offer, task("after", offer, "true"))
        scheduler.status("after", "TASK_FINISHED")


def test_b6_an_offer_that_nobody_uses_is_rescinded_and_made_again(
    own_cluster: MakeCluster,
) -> None:
    """B6."""
    made = own_cluster(master_flags=("--offer-timeout", "1"))
    with Scheduler(made.master) as scheduler:
        unused = scheduler.offer()

        assert scheduler.stream.take("RESCIND")["rescind"]["offer_id"] == unused["id"]
        assert scheduler.offer()["agent_id"] == unused["agent_id"]


def test_b6_an_offer_that_was_accepted_or_declined_is_never_rescinded(
    own_cluster: MakeCluster,
) -> None:
    """B6."""
    made = own_cluster(master_flags=("--offer-timeout", "1"))
    with Scheduler(made.master) as scheduler:
        accepted = scheduler.offer()
        scheduler.launch(accepted, task("t", accepted, "sleep 1000"))
        rest = scheduler.offer()
        scheduler.decline(rest, refuse_seconds=600.0)
        used = (accepted["id"], rest["id"])

        assert scheduler.stream.quiet(
            "RESCIND", 2.0, lambda event: event["rescind"]["offer_id"] in used
        )


def test_b7_two_offers_of_one_agent_make_room_for_one_task(cluster: Cluster) -> None:
    """B7."""
    with Scheduler(cluster.master) as scheduler:
        whole = scheduler.offer()
        cpus = amount(whole, "cpus")
        scheduler.launch(whole, task("first", whole, "sleep 1000", cpus=1))
        scheduler.status("first", "TASK_RUNNING")
        rest = scheduler.offer()
        scheduler.must("KILL", task_id={"value": "first"})
        scheduler.status("first", "TASK_KILLED")
        freed = scheduler.offer(lambda offer: bool(offer["id"] != rest["id"]))

        both = task("both", rest, "sleep 1000", cpus=cpus - 0.3)
        scheduler.launch([rest, freed], both)

        assert amount(rest, "cpus") < cpus - 0.3
        assert scheduler.status("both", "TASK_RUNNING")


def test_b12_two_equal_roles_take_turns(cluster: Cluster) -> None:
    """B12: five of ten each, when each declines in its turn."""
    with Scheduler(cluster.master) as one, Scheduler(cluster.master) as two:
        turns: list[str] = []

        def somebodys() -> bool:
            for scheduler in (one, two):
                for offer in offers_of(scheduler, within_s=0.02):
                    turns.append(scheduler.role)
                    scheduler.decline(offer)
            return len(turns) >= 10

        wait_until(somebodys, what="ten offers")

        assert turns[:10].count(one.role) == 5


def test_b12_the_role_with_less_gets_a_new_agent(own_cluster: MakeCluster) -> None:
    """B12."""
    made = own_cluster()
    with Scheduler(made.master) as rich:
        offer = rich.offer()
        rich.launch(offer, task("wealth", offer, "sleep 1000", cpus=2), **LONG)
        rich.status("wealth", "TASK_RUNNING")
        with Scheduler(made.master) as poor:
            poor.decline(poor.offer(), **LONG)  # what is offered counts as had
            agent_id = made.agent_id(made.add_agent())

            poor.offer(lambda offer: bool(offer["agent_id"]["value"] == agent_id))
            assert all(offer["agent_id"]["value"] != agent_id for offer in rich.offers())


def test_b13_crumbs_are_offered_only_to_who_asks_for_them(own_cluster: MakeCluster) -> None:
    """B13: less than 0.01 cpu and less than 32 MB."""
    made = own_cluster(agent_flags=("--resources", "cpus:1;mem:128;disk:1000;ports:[31000-31001]"))
    with Scheduler(made.master) as scheduler:
        offer = scheduler.offer()
        scheduler.launch(offer, task("most", offer, "sleep 1000", cpus=0.995, mem=108))
        scheduler.status("most", "TASK_RUNNING")

        assert scheduler.stream.quiet("OFFERS", 1.5, lambda e: offer not in e["offers"]["offers"])
        info = framework_info()
        least = {"quantities": {"cpus": {"value": 0.001}}}
        bar = {"min_allocatable_resources": {"quantities": [least]}}
        with Scheduler(made.master, {**info, "offer_filters": {info["roles"][0]: bar}}) as modest:
            assert amount(modest.offer(), "cpus") == 0.005


def test_b13_who_raises_the_bar_is_offered_nothing_below_it(cluster: Cluster) -> None:
    """B13."""
    info = framework_info()
    much = {"quantities": {"cpus": {"value": 100_000.0}}}
    bar = {"min_allocatable_resources": {"quantities": [much]}}
    with Scheduler(cluster.master, {**info, "offer_filters": {info["roles"][0]: bar}}) as proud:
        assert proud.stream.quiet("OFFERS", 1.5)


def reserved(role: str, name: str, value: float) -> Json:
    return scalar(name, value, reservations=[{"type": "DYNAMIC", "role": role}])


def reservation_of(offer: Json) -> float:
    """How many cpus of an offer are reserved dynamically."""
    return sum(
        resource["scalar"]["value"]
        for resource in offer["resources"]
        if resource["name"] == "cpus"
        and any(each["type"] == "DYNAMIC" for each in resource.get("reservations", []))
    )


def reserve(scheduler: Scheduler, offer: Json, *resources: Json, kind: str = "RESERVE") -> None:
    scheduler.accept(offer, {"type": kind, kind.lower(): {"resources": list(resources)}})


def test_b15_what_is_reserved_is_offered_so_until_it_is_unreserved(cluster: Cluster) -> None:
    """B15."""
    wait_until(lambda: not shown(cluster.master, "GET_TASKS").get("tasks"), what="no task")
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        one = reserved(scheduler.role, "cpus", 1.0)
        reserve(scheduler, offer, one)
        with_reservation = scheduler.offer(lambda offer: reservation_of(offer) == 1.0)
        reserve(scheduler, with_reservation, one, kind="UNRESERVE")
        without = scheduler.offer(lambda offer: reservation_of(offer) == 0.0)

        assert amount(without, "cpus") == amount(with_reservation, "cpus") == amount(offer, "cpus")


def test_b15_a_reservation_of_too_much_or_for_others_changes_nothing(cluster: Cluster) -> None:
    """B15."""
    wait_until(lambda: not shown(cluster.master, "GET_TASKS").get("tasks"), what="no task")
    with Scheduler(cluster.master) as scheduler:
        offer = scheduler.offer()
        reserve(scheduler, offer, reserved(scheduler.role, "cpus", amount(offer, "cpus") + 1))
        again = scheduler.offer()
        reserve(scheduler, again, reserved("somebody-else", "cpus", 1.0))
        last = scheduler.offer()

        assert reservation_of(again) == reservation_of(last) == 0
        assert amount(again, "cpus") == amount(last, "cpus") == amount(offer, "cpus")


def test_b15_reservations_outlive_the_master(own_cluster: MakeCluster) -> None:
    """B15."""
    made = own_cluster()
    scheduler = Scheduler(made.master)
    reserve(scheduler, scheduler.offer(), reserved(scheduler.role, "cpus", 1.0))
    scheduler.offer(lambda offer: reservation_of(offer) == 1.0)

    made.the_master.kill()
    made.the_master.start()

    with scheduler.again() as back:
        back.offer(lambda offer: reservation_of(offer) == 1.0)
    scheduler.stream.close()
