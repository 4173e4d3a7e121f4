"""Who is offered what: guarantees first, then fair shares by role, then by framework.

`sorter` is the interface of a ranking, `drf` ranks by dominant share over a `tree` of roles,
`ranking` keeps the one of roles and those of frameworks in step. `books` says what is free,
`consumption` what counts, `quota` what is owed and what may be had; `ledger` keeps them in step.
`clients` says what a framework can and wants to be offered, `filters` remembers what was declined,
`candidates` where to look. `cycle` is one pass, `chance` breaks the order of its agents, `survey`
says why a pass gave somebody nothing, and `allocator` is all of it together. Pure; the master
drives it.
"""
