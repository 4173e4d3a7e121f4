"""What does: the HTTP server, the conversation with the master, the store, the deliveries.

`server` joins them; `api/` answers requests; `logs` fetches what a run wrote; `handover` carries
notices to deliveries. Nothing here decides about jobs.
"""
