"""The master's shell: HTTP in, the machine's effects out. Decides nothing.

`server` puts it together, `scheduler_api` and `agent_api` are the two conversations, `pages` the
views for people and tools, `config` the flags.
"""
