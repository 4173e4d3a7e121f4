"""Who is offered what: fair shares by role, then by framework, and the memory of refusals.

`sorter` is the interface of a ranking, `drf` ranks by dominant share, `filters` remembers what was
declined, `chance` breaks the order of agents, `allocator` makes one pass over them. Quota is a
filter between `allocator` and `sorter` that is not here yet. Pure; the master drives it.
"""
