"""Who answers an operator's call, and in which order what follows leaves."""

import pytest

from kernel.machine import Now, Persist
from kernel.master.events import CallAnswered, OperatorCallReceived
from kernel.master.operators import Operators, Outcome
from kernel.messages.operator import Call, CallType
from kernel.messages.operator_calls import OfAgent
from kernel.messages.v1 import Id

NOW = Now(1, 2)
DEACTIVATE = Call(type=CallType.DEACTIVATE_AGENT, deactivate_agent=OfAgent(agent_id=Id("a")))


def test_a_call_that_nobody_answers_is_refused_with_a_sentence() -> None:
    [answer] = Operators().on_call(OperatorCallReceived(7, DEACTIVATE), NOW)

    assert isinstance(answer, CallAnswered)
    assert (answer.request_id, answer.status) == (7, 501)
    assert "DEACTIVATE_AGENT is not implemented yet" in answer.message


def test_the_answer_leaves_after_what_it_rests_on() -> None:
    persist = Persist(())
    asked: list[OperatorCallReceived] = []
    operators = Operators()

    def handler(call: OperatorCallReceived, now: Now) -> Outcome:
        asked.append(call)
        return Outcome(200, effects=[persist])

    operators.handle(CallType.DEACTIVATE_AGENT, handler)
    effects = operators.on_call(OperatorCallReceived(7, DEACTIVATE, "ops"), NOW)

    assert effects == [persist, CallAnswered(7, 200)]
    assert asked[0].principal == "ops"


def test_a_call_has_one_owner() -> None:
    operators = Operators()
    operators.show(CallType.GET_QUOTA, lambda: {"status": {}}, pages={"/quota": lambda: {}})

    with pytest.raises(AssertionError):
        operators.handle(CallType.GET_QUOTA, lambda asked, now: Outcome())
    assert list(operators.pages) == ["/quota"]
