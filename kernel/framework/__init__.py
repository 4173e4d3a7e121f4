"""What a framework needs to be one, all of it pure.

Parts, each usable alone: `calls` (the calls by name), `session` (who we are to the master),
`reconciliation`, `kills`, `interest` (suppress and revive), `matching` (offers and demands).
`scheduler` joins them to a framework's whole side of the conversation: Marathon and Chronos decide
what to run, and leave the rest to it. `workload` is a framework that is finished but for its tasks
(`task`, `records`); its shell is `kernel.runtime.framework`. `executor` is the other end, on the
agent, with `kernel.runtime.executor`. docs/framework-sdk.md teaches all of it.
"""
