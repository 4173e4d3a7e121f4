"""The resource kernel: masters offer agents' resources, frameworks accept.

Map, from the bottom up: `model` (nouns), `machine` (what a pure machine is), `messages` (what is
said on the wire), `allocator` (who is offered what), `master`, `agent`, `executor`, `framework`
(the machines), `store` (what survives), `runtime` (I/O), `cli`. A package imports only what is
below it; everything up to `framework` is pure: no clock, no chance, no disk, no socket.
"""
