"""What decides, and does nothing: no clock, no chance, no disk, no socket.

From small to large: `zones`, `periods`, `repeating` and `crontab` make a `schedule`; `words` says
it in English; `record`, `run` and `history` are what is kept; `graph` knows parents; `queue` what
waits; `launch` turns a run and an offer into a task; `cron` joins them.
"""
