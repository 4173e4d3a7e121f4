"""What Marathon decides, without I/O: groups, plans, deployments, launches, health, kills.

`supervisor.Supervisor` is the machine; `events` go in, `effects` come out, `views` are what its
readers may ask. Leaves sockets, probes and the store to `marathon_app.runtime`.
"""
