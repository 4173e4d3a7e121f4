"""What the dashboard reads of the others' JSON: tolerant structs, one module per part.

Every field has a default and unknown keys are skipped, so that a real Mesos master or another
version of a part can stand behind the same screens. What is written back to a part never goes
through these structs (that would lose fields); see `web.present.app_form`.
"""
