"""The master: it admits agents and frameworks, hands out offers and passes tasks between them.

`master` dispatches events to its parts and joins their effects: `frameworks` and `agents` (who is
there), `liveness` and `deadlines` (when), `offers` and `accept` (what is given and taken), `tasks`
(what runs), `reconcile` (what is true), `registry` (what survives), `validate` (what is refused),
`views` (what is shown). Frameworks and tasks are soft state, learned again from the agents and
schedulers that come back; only the admission of agents is durable. Pure. Source: Mesos,
src/master/master.cpp and its documentation.
"""
