"""Deliveries: what may be slow, may fail and must be retried, outside the scheduling path.

`queue` takes a delivery in (all that others import), `worker` is the Celery worker that makes them,
`send` speaks HTTP and SMTP, `spool` is the broker that needs no server, `dead` keeps what could not
be delivered.
"""
