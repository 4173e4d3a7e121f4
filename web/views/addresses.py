"""Addresses of screens that several views send a browser to."""

from flask import url_for


def app_address(app_id: str, **query: str) -> str:
    return url_for("apps.show", app_id=app_id.strip("/"), **query)


def job_address(name: str, **query: str) -> str:
    return url_for("jobs.show", name=name, **query)
