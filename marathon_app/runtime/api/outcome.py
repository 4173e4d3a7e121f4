"""The answers to accepted changes, which all resources share.

Source: Marathon, docs/docs/rest-api: `{"version", "deploymentId"}` and `Marathon-Deployment-Id`.
"""

from flask import Response

from marathon_app.core.effects import ChangeAccepted, ChangePlanned
from marathon_app.runtime.api import render


def accepted(outcome: ChangeAccepted, status: int = 200, location: str | None = None) -> Response:
    body = {"version": outcome.version, "deploymentId": outcome.deployment_id}
    return render.answer(body, status, headers(outcome, location))


def headers(outcome: ChangeAccepted, location: str | None = None) -> dict[str, str]:
    found = {"Marathon-Deployment-Id": outcome.deployment_id}
    return found if location is None else {**found, "Location": location}


def planned(outcome: ChangePlanned) -> Response:
    """A dry run: the steps that would be taken."""
    steps = [
        {"actions": [{"action": each.action, "app": each.app_id} for each in step]}
        for step in outcome.steps
    ]
    return render.answer({"steps": steps})
