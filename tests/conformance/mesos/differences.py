"""Where Tepui's bodies and codes are not Mesos's, with the reason; and what is not replayed yet.

Keys of `DIFFERENCES`: which recordings, which paths in the body (both regular expressions).
"""

DIFFERENCES: dict[tuple[str, str], str] = {
    (r".*", r".*\.container_status\.executor_pid$"): "An update does not say the task's pid yet.",
    (r"agent-get-(executors|state)", r".*\.executor_info\.command\.arguments"): (
        "A command task is its own executor: its command is shown, not that of mesos-executor."
    ),
    (r"v0-(agent-)?(flags|state)", r"\.flags\."): "Our processes have flags of their own.",
    (r"v0-(agent-)?metrics-snapshot", r"\."): "We count what we have, under Mesos's names.",
    (r"v0-(agent-)?(version|state)", r"\.tepui_version$"): "Says which Tepui it is.",
    (r"v0-state", r"\.cluster$"): "A cluster always has a name here.",
    (r"v0-agent-state", r"\.registered$|.*\.statuses\[\]\.message$"): (
        "Says whether a master has the agent, and in words how a task ended."
    ),
    (r"operator-(get-tasks-after-teardown|subscribe)", r".*\.statuses\[\]\.reason$"): (
        "The agent says how a task of an ended framework ended; the master guesses nothing."
    ),
    (r"v0-agent-files-debug", r"\.(/|<work_dir>)"): "The keys are the paths of each run.",
    (r"agent-get-containers|v0-agent-(containers|monitor.*)", r".*statistics\.(mem_|processes)"): (
        "Where there are control groups we say more than Mesos's posix isolation."
    ),
}

#: Recordings whose ERROR has the same shape and other words.
OTHER_WORDS: dict[str, str] = {
    "subscribe-rejected-bad-regex": "What is wrong with a regex is said by Python's re, not RE2.",
}

#: What a row of `status-*` asks for, or its call's type -> our status and the reason.
OTHER_STATUS: dict[str, tuple[int, str]] = {
    'UPDATE_QUOTA {"quota_configs": [{"role": "a/b", "limits": {"cpus": {"value": 1}}}]}': (
        200,
        "Quota nests here.",
    ),
    "Content-Type with charset": (400, "A charset is accepted; the body is then read."),
    "unknown path": (404, "An agent says it as JSON, with the path."),
}

NOT_YET: tuple[str, ...] = ()
