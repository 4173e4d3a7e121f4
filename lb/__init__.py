"""The load balancer: follows Marathon and drives one real HAProxy.

Pure: `marathon` (what is read), `labels` (HAPROXY_* -> settings), `model` (frontends, backends,
servers), `collect` (apps -> model), `render` (model -> text), `stats` (HAProxy's answers -> nouns),
`diff` (running, wanted -> runtime commands), `wish` (what HAProxy should have), `drain` (taking
tasks out), `operations` (what HAProxy is told next), `watch` (the machine that puts them together),
`present` (state -> what the admin endpoints say). `runtime` does the I/O.
"""
