"""Who is offered what: fair shares by role, then by framework, and the memory of refusals.

`sorter` is the interface of a ranking, `drf` ranks by dominant share over a `tree` of roles,
`ranking` keeps the one of roles and those of frameworks in step, `books` says what is free,
`filters` remembers what was declined, `chance` breaks the order of agents, `allocator` makes one
pass over them. Quota is a bound inside that pass that is not here yet. Pure; the master drives it.
"""
