"""The cron of Tepui: Chronos's API and job files, exact schedules, one run per occurrence.

- `schema/`   a job on the wire: reading, checking, listing (pure; others may import it)
- `core/`     what decides: schedules, graph, runs, retries, launches; `cron.py` joins them (pure)
- `runtime/`  what does: the HTTP server, the conversation with the master, the store, deliveries

It talks to the master by the Mesos v1 scheduler API and by nothing else, so that it also runs on
a real Mesos.
"""
