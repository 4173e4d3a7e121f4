"""Marathon's shell: the HTTP API, probes, the event stream, the store and the master's connection.

Carries out what `marathon_app.core` decides and tells it what happened; decides nothing itself.
"""
