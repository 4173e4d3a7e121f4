"""Names and states of runs."""

from chronos_app.core.run import TASK_ID_BYTES_MAX, TRANSITIONS, RunState, task_id


def test_a_task_id_has_chronoss_form_and_no_character_that_mesos_forbids() -> None:
    """Source: Chronos, TaskUtilsSpec."""
    assert task_id("job", 1420843781398, 0, "-a 1 -b 2;x") == "ct:1420843781398:0:job:-a 1 -b 2x"
    assert task_id("job", 1, 0, "a/b\\c\n") == "ct:1:0:job:abc"
    assert len(task_id("j", 1, 0, "é" * 500).encode()) <= TASK_ID_BYTES_MAX


def test_every_state_has_transitions_and_only_ends_have_none() -> None:
    assert set(TRANSITIONS) == set(RunState)
    assert {state.value for state in RunState if state.is_over} == {
        "succeeded", "failed", "killed", "lost", "skipped", "coalesced",
    }  # fmt: skip
    assert not any(state.is_over and state.is_launched for state in RunState)
