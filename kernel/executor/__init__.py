"""Command tasks, one life each: launch, health, kill, end. Pure.

`executor` dispatches, `life` is one task's life, `checks` its health check, `talk` the events and
effects. Processes, probes and files are `kernel.runtime.agent`'s; what the cluster is told, and
that it hears it, is `kernel.agent`'s. What must not be here: updates, acknowledgements, uuids.
"""
