"""What is said on the wire: the framing and the typed messages, one module per conversation.

`v1` holds the nouns that the conversations share, with Mesos's wire names. Source: Mesos,
include/mesos/v1/*.proto and 3rdparty/stout (JSON mapping).
"""
