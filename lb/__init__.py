"""The load balancer: follows Marathon and drives one real HAProxy.

Pure: `marathon` (what is read), `labels` (HAPROXY_* -> settings), `model` (frontends, backends,
servers), `collect` (apps -> model), `render` (model -> text), `stats` (HAProxy's answers -> nouns),
`diff` (running, wanted -> runtime commands), `drain` (taking tasks out), `watch` (the machine that
decides when to do what), `present` (state -> what the admin endpoints say). `runtime` does the I/O.
"""
