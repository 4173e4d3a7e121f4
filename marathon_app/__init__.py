"""A Marathon-compatible supervisor of long-running services.

`schema` holds the public nouns of the `/v2` API, `core` decides (pure), `runtime` does the I/O.
Imports point one way: runtime -> core -> schema. Of the kernel only model, messages, machine,
framework, store and runtime may be used: the same program must run on a real Mesos master.
"""
