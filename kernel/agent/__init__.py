"""One agent: its registration, its tasks, and that every status update arrives. Pure.

`agent` dispatches, `registration` talks to the master, `tasks` takes and refuses tasks, `updates`
sends each news until it is acknowledged, `recovery` rebuilds all of it from what was persisted,
`sandbox` knows the paths. How a task lives is `kernel.executor`'s; processes and files are
`kernel.runtime.agent`'s. What must not be here: a pid.
"""
