"""The public face of a job: its fields on the wire, how a body is read, how a job is listed.

Two dialects share one store: `Dialect.V2` (`/scheduler`, Chronos 2.x) and `Dialect.V3`
(`/v1/scheduler`, Chronos 3.x). Source: Chronos, docs/docs/api.md and the job reference.
"""
