"""Marathon's REST API as Flask blueprints, one per resource.

Handlers parse, ask the machine, render; they decide nothing. They run in a small thread pool, the
machine on the loop. `/v2` is Marathon's to the letter (no key is ever added, C1); ours is `/v3`.
Source: Marathon 1.11, docs/docs/rest-api.
"""
