"""The REST API as Flask blueprints: Chronos's two prefixes, and ours under `tepui/`.

A view reads its request, hands an event to the machine through the `desk`, and renders the
answer. What is right and wrong, the schema and the core say.
"""
