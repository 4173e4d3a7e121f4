"""Quota as operators set it: what is refused and why, what survives, what it does to offers."""

from typing import Any

from kernel.master.events import CallAnswered
from kernel.messages.operator import CallType
from kernel.messages.operator_calls import RemoveQuota, SetQuota, UpdateQuota
from kernel.messages.quantities import to_wire
from kernel.messages.quota import QuotaConfig, QuotaRequest
from kernel.messages.v1 import Offer, ScalarValue
from kernel.model.resources import parse
from tests.kernel.master.stage import Stage, task


def scalars(text: str) -> dict[str, ScalarValue]:
    pairs = [part.split(":") for part in text.split(";") if part]
    return {name: ScalarValue(float(value)) for name, value in pairs}


def config(role: str, guarantees: str = "", limits: str = "") -> QuotaConfig:
    return QuotaConfig(role=role, guarantees=scalars(guarantees), limits=scalars(limits))


def update(stage: Stage, *configs: QuotaConfig, force: bool = False) -> CallAnswered:
    call = UpdateQuota(force=force, quota_configs=list(configs))
    return stage.operate("UPDATE_QUOTA", update_quota=call)


def set_quota(stage: Stage, role: str, guarantee: str, *, force: bool = False) -> CallAnswered:
    request = QuotaRequest(force=force, role=role, guarantee=to_wire(parse(guarantee)))
    return stage.operate("SET_QUOTA", set_quota=SetQuota(quota_request=request))


def remove_quota(stage: Stage, role: str) -> CallAnswered:
    return stage.operate("REMOVE_QUOTA", remove_quota=RemoveQuota(role=role))


def status(stage: Stage) -> Any:
    return stage.master.operators.views[CallType.GET_QUOTA]()["status"]


def roles(stage: Stage) -> list[str]:
    return [config.role for config in status(stage).get("configs", [])]


def cpus(offers: list[Offer]) -> float:
    return sum(r.scalar.value for o in offers for r in o.resources if r.scalar and r.name == "cpus")


# --- what is taken -----------------------------------------------------------------------


def test_quota_is_shown_in_both_generations_of_the_api() -> None:
    """Source: recordings operator-get-quota, v0-quota."""
    stage = Stage()
    stage.agent()
    assert update(stage, config("a", "cpus:0.5", "cpus:2;mem:512")).status == 200

    [info] = status(stage)["infos"]

    assert status(stage)["configs"] == [config("a", "cpus:0.5", "cpus:2;mem:512")]
    assert (info["role"], info["guarantee"][0].name) == ("a", "cpus")
    assert stage.master.operators.pages["/quota"]() == status(stage)


def test_an_empty_configuration_ends_a_roles_quota() -> None:
    stage = Stage()
    stage.agent()
    update(stage, config("a", limits="cpus:1"))

    assert update(stage, config("a")).status == 200

    assert status(stage) == {}
    stage.restart()
    assert status(stage) == {}


def test_all_configurations_of_a_call_are_taken_or_none() -> None:
    stage = Stage()
    stage.agent()

    answer = update(stage, config("a", limits="cpus:1"), config("b", "cpus:5", "cpus:1"))

    assert answer.status == 400
    assert roles(stage) == []


# --- what is refused ---------------------------------------------------------------------


def test_what_makes_no_sense_is_refused_with_the_reason() -> None:
    stage = Stage()
    stage.agent("cpus:8;mem:8192")
    for configs, why in (
        ([config("a//b")], "two adjacent slashes"),
        ([config("a", "cpus:-1")], "Invalid guarantee configuration {'cpus': -1}: Negative values"),
        ([config("a", limits="cpus:1e300")], "It must be a number up to 1e+12"),
        ([config("a", "cpus:nan")], "It must be a number"),
        ([config("a"), config("a")], "role 'a' is named twice"),
        (
            [config("a", "cpus:2", "cpus:1")],
            "{ cpus: 2 } is not contained within the 'QuotaConfig.limits' { cpus: 1 }",
        ),
        ([config("a", "", "cpus:1"), config("a/b", "cpus:2")], "limit cpus:1 of role 'a'"),
    ):
        answer = update(stage, *configs, force=True)
        assert answer.status == 400 and why in answer.message, answer


def test_a_guarantee_must_cover_those_of_the_children() -> None:
    """Nested quota is ours: upstream has none."""
    stage = Stage()
    stage.agent("cpus:8;mem:8192")
    children = (config("a/b", "cpus:2"), config("a/c", "cpus:2"))

    answer = update(stage, config("a", "cpus:3"), *children)

    assert answer.status == 400
    assert "the guarantee of role 'a' is cpus:3, less than cpus:4" in answer.message
    assert update(stage, config("a", "cpus:4"), *children).status == 200
    assert update(stage, config("a", "cpus:3")).status == 400
    assert update(stage, config("a")).status == 200, "then it guarantees what they do"


def test_more_than_the_cluster_has_is_guaranteed_only_by_force() -> None:
    stage = Stage()
    stage.agent("cpus:4;mem:4096")

    answer = update(stage, config("a", "cpus:3"), config("b", "cpus:2"))

    assert answer.status == 400
    assert "'cpus:5' exceed cluster capacity 'cpus:4; mem:4096'" in answer.message
    assert update(stage, config("a", "cpus:3"), config("b", "cpus:2"), force=True).status == 200


def test_a_limit_below_what_is_used_is_set_only_by_force() -> None:
    stage = Stage()
    framework = stage.framework(roles=("a",))
    agent = stage.agent("cpus:4;mem:4096")
    [offer] = framework.offers()
    framework.launch(offer, task("t", agent))

    answer = update(stage, config("a", limits="cpus:0.5"))

    assert answer.status == 400
    assert "role 'a' is already consuming 'cpus:1'" in answer.message
    assert update(stage, config("a", limits="cpus:0.5"), force=True).status == 200


def test_a_role_has_a_hundred_levels_at_most() -> None:
    """Each level costs at every grant, and endless ones would end us."""
    stage = Stage()
    stage.agent()
    deep = "/".join(["a"] * 100)

    assert update(stage, config(deep, "cpus:1", "cpus:1")).status == 200
    answer = update(stage, config(f"{deep}/a", limits="cpus:1"))

    assert answer.status == 400
    assert "is more than 100 levels deep" in answer.message


# --- the deprecated calls ------------------------------------------------------------------


def test_set_quota_makes_the_guarantee_the_limit_and_refuses_to_change_it() -> None:
    """Source: mesos.md §2.9, SET_QUOTA."""
    stage = Stage()
    stage.agent("cpus:4;mem:4096")

    assert set_quota(stage, "a", "cpus:9").status == 409
    assert set_quota(stage, "a", "cpus:9", force=True).status == 200
    assert status(stage)["configs"] == [config("a", "cpus:9", "cpus:9")]
    assert set_quota(stage, "a", "cpus:1").status == 400
    assert remove_quota(stage, "a").status == 200
    assert roles(stage) == []


def test_removing_the_quota_of_a_role_that_has_none_is_refused() -> None:
    """Here a real master ends. Source: mesos-observed.md §1, row 16."""
    answer = remove_quota(Stage(), "nobody")

    assert answer.status == 400
    assert answer.message == "Failed to remove quota: Role 'nobody' has no quota set"


def test_a_deprecated_request_is_of_plain_scalars_for_a_role() -> None:
    stage = Stage()
    for role, guarantee, why in (
        ("*", "cpus:1", "default '*' role"),
        ("", "cpus:1", "must specify a role"),
        ("a", "", "must specify a guarantee"),
        ("a", "ports:[1-2]", "non-scalar"),
        ("a", "cpus(b):1", "reservations"),
    ):
        answer = set_quota(stage, role, guarantee, force=True)
        assert answer.status == 400 and why in answer.message, answer


# --- what it does --------------------------------------------------------------------------


def test_offers_beyond_a_new_limit_are_taken_back() -> None:
    stage = Stage()
    framework = stage.framework(roles=("a/b",))
    stage.agent("cpus:4;mem:4096")
    [first] = framework.offers()

    update(stage, config("a", limits="cpus:1"))

    assert [e.rescind.offer_id for e in framework.said if e.rescind is not None] == [first.id]
    assert cpus(framework.offers()) == 1.0


def test_an_offer_beyond_two_new_limits_is_taken_back_once() -> None:
    stage = Stage()
    framework = stage.framework(roles=("a/b",))
    stage.agent("cpus:4;mem:4096")
    [first] = framework.offers()

    both = config("a", limits="cpus:2"), config("a/b", limits="cpus:1")
    assert update(stage, *both, force=True).status == 200

    assert [e.rescind.offer_id for e in framework.said if e.rescind is not None] == [first.id]


def test_offers_that_a_new_guarantee_needs_are_taken_back() -> None:
    """Source: Mesos, quota_handler.cpp, rescindOffers."""
    stage = Stage()
    hoarder = stage.framework("h", roles=("other",))
    for _ in range(3):
        stage.agent("cpus:4;mem:4096")
    assert len(hoarder.offers()) == 3
    wanting = stage.framework("w", roles=("a",))

    update(stage, config("a", "cpus:6"))

    assert sum(e.rescind is not None for e in hoarder.said) == 2
    assert cpus(wanting.offers()) >= 6.0


def test_quota_against_starvation() -> None:
    """QuotaAgainstStarvation of mesos.md §3.4, through the master."""
    stage = Stage()
    guaranteed = stage.framework("g", roles=("quota",))
    stage.agent("cpus:1;mem:512")
    assert len(guaranteed.offers()) == 1
    hoarder = stage.framework("h", roles=("other",))
    stage.agent("cpus:1;mem:512")
    [offer] = hoarder.offers()

    update(stage, config("quota", "cpus:2;mem:1024"))

    assert [each.agent_id for each in guaranteed.offers()] == [offer.agent_id]
    assert hoarder.offers() == []


def test_small_offer_filter_timeout() -> None:
    """SmallOfferFilterTimeout of mesos.md §3.4, through the master; its interval is 1 s."""
    stage = Stage()
    framework = stage.framework()
    stage.agent()
    stage.mono_ms = 1_000_500
    [offer] = framework.offers()

    framework.decline(offer, refuse_s=0.1)

    stage.pass_time(600)  # the next tick: an allocation interval has not passed
    assert framework.offers() == []
    stage.pass_time(1_000)
    assert len(framework.offers()) == 1


# --- after a failover ----------------------------------------------------------------------


def test_with_quota_a_new_master_offers_nothing_until_most_agents_are_back() -> None:
    """Source: mesos.md §3.1, paused."""
    stage = Stage()
    agents = [stage.agent("cpus:4;mem:4096") for _ in range(5)]
    update(stage, config("a", "cpus:1"))
    stage.restart()
    framework = stage.framework(roles=("b",))

    for agent in agents[:3]:
        agent.subscribe()
    stage.pass_time(5_000)
    assert framework.offers() == []
    agents[3].subscribe()

    assert len(framework.offers()) == 4


def test_with_quota_a_new_master_waits_no_longer_than_it_was_told() -> None:
    """Source: mesos.md §3.1, paused: 10 min."""
    stage = Stage(agent_recovery_timeout_ms=30_000)
    agents = [stage.agent("cpus:4;mem:4096") for _ in range(5)]
    update(stage, config("a", "cpus:1"))
    stage.restart()
    framework = stage.framework(roles=("b",))
    agents[0].subscribe()

    stage.pass_time(29_000)
    assert framework.offers() == []
    stage.pass_time(1_000)

    assert cpus(framework.offers()) == 3.0, "the guarantee is kept of what is there"


def test_without_quota_a_new_master_offers_at_once() -> None:
    stage = Stage()
    agents = [stage.agent("cpus:4;mem:4096") for _ in range(5)]
    stage.restart()
    framework = stage.framework(roles=("b",))

    agents[0].subscribe()

    assert len(framework.offers()) == 1
