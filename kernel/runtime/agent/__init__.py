"""The agent's shell: its server, its store, the runner that owns the tasks' processes.

`main` is the entry point, `server` the routes, `node` joins the pure machines of `kernel.agent` and
`kernel.executor` to the world. `runner`, `recorder` and `cgroups` are imported by the runner
process and therefore import almost nothing. What must not be here: a decision about a task's state.
"""
