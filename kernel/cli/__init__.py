"""The program `tepui`: starts, watches and stops a cluster on one machine, and talks to one.

`main` names the commands; `up`, `layout`, `supervisor` and `restarts` are `tepui up`; `apps`,
`jobs` and `cluster` are the commands for people and scripts. Everything is done over the public
HTTP interfaces.
"""
