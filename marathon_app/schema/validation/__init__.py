"""Checks a complete app against Marathon's rules and names every problem with its path.

One module per kind of rule; `app.problems_with` runs them all. What depends on other apps (cycles,
an app and a group of one name, who exists) is the core's to check. Pure.
Source: Marathon, docs/docs/rest-api; `state/AppDefinition` validators.
"""
