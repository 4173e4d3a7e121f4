"""What the recorder is given, before any process."""

from kernel.runtime.agent.recorder import is_late, words

TOOLS = {"sh": "/bin/sh", "mv": "/bin/mv", "env": "/bin/env", "setsid": "/bin/setsid"}


def test_what_acts_on_a_shell_or_a_loader_comes_late() -> None:
    late = ["LD_PRELOAD", "ENV", "BASH_FUNC_echo%%", "with.dot", "1st", "", "é"]

    assert all(is_late(name) for name in late)
    assert not any(is_late(name) for name in ("PATH", "COLOUR", "_x", "A1"))


def test_values_that_need_not_be_late_are_not_shown_to_everybody() -> None:
    """A process's words can be read by every user, its environment can not."""
    said = words("r", "/record", [], ["x"], {"PASSWORD": "hunter2"}, TOOLS, "")

    assert not any("hunter2" in word for word in said)


def test_another_user_is_switched_to_before_late_variables_are_set() -> None:
    tools = {**TOOLS, "setpriv": "/bin/setpriv"}

    said = words("r", "/record", ["/g/cgroup.procs"], ["x"], {"LD_PRELOAD": "y"}, tools, "7:8")

    tail = said[said.index("/g/cgroup.procs") :]
    assert tail == [
        *("/g/cgroup.procs", "--", "/bin/setsid"),
        *("/bin/setpriv", "--reuid=7", "--regid=8", "--init-groups", "--"),
        *("/bin/env", "LD_PRELOAD=y", "x"),
    ]
