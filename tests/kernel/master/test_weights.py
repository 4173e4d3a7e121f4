"""Weights of roles: what is refused, what survives the master, what changes."""

import pytest

from kernel.master.events import CallAnswered
from kernel.messages.operator import CallType
from kernel.messages.operator_calls import UpdateWeights, WeightInfo
from tests.kernel.master.stage import Stage


def update(stage: Stage, **weights: float) -> CallAnswered:
    infos = [WeightInfo(weight=weight, role=role) for role, weight in weights.items()]
    return stage.operate("UPDATE_WEIGHTS", update_weights=UpdateWeights(weight_infos=infos))


def weights(stage: Stage) -> dict[str, float]:
    shown = stage.master.operators.views[CallType.GET_WEIGHTS]()
    return {info["role"]: info["weight"] for info in shown.get("weight_infos", [])}


@pytest.mark.parametrize(
    ("weight", "why"),
    [
        (0.0, "Invalid weight '0': Weights must be positive"),
        (-1.5, "Invalid weight '-1.5': Weights must be positive"),
        (float("inf"), "Invalid weight 'inf': Weights must be numbers"),
    ],
)
def test_a_weight_is_a_positive_number(weight: float, why: str) -> None:
    """Source: recording v0-put-weights-bad; contract D13."""
    stage = Stage()

    answer = update(stage, good=2.0, w=weight)

    head = "Failed to validate update weights request JSON for role 'w'"
    assert (answer.status, answer.message) == (400, f"{head}: {why}")
    assert weights(stage) == {}, "all or none"


def test_the_role_of_a_weight_must_be_one() -> None:
    answer = update(Stage(), **{"a//b": 1.0})

    assert answer.status == 400
    assert "cannot contain two adjacent slashes" in answer.message


def test_weights_are_shown_and_survive_the_master() -> None:
    """Source: contract D13."""
    stage = Stage()
    assert update(stage, b=2.5, **{"a/x": 3.0}).status == 200

    stage.restart()

    assert weights(stage) == {"a/x": 3.0, "b": 2.5}
    assert stage.master.operators.pages["/weights"]() == [
        {"role": "a/x", "weight": 3.0},
        {"role": "b", "weight": 2.5},
    ]


def test_a_weight_decides_who_is_offered_more() -> None:
    """Source: Mesos, HierarchicalAllocatorTest.UpdateWeight."""
    stage = Stage()
    light, heavy = stage.framework("l", roles=("light",)), stage.framework("h", roles=("heavy",))
    update(stage, heavy=2.0)
    for _ in range(6):
        stage.agent()
        stage.pass_time(100)

    assert (len(light.offers()), len(heavy.offers())) == (2, 4)


def test_offers_are_made_anew_when_a_weight_concerns_them() -> None:
    stage = Stage()
    framework = stage.framework(roles=("a/b",))
    stage.agent()
    [offer] = framework.offers()
    framework.hear()

    update(stage, other=2.0)
    assert framework.hear() == []
    update(stage, a=2.0)

    rescinded = [e.rescind.offer_id for e in framework.said if e.rescind is not None]
    assert rescinded == [offer.id]
