"""Addresses of screens that several views send a browser to."""

from typing import Any

from flask import url_for


def app_address(app_id: str, **query: str) -> str:
    values: dict[str, Any] = {**query, "app_id": app_id.strip("/")}
    return url_for("apps.show", **values)


def job_address(name: str, **query: str) -> str:
    values: dict[str, Any] = {**query, "name": name}
    return url_for("jobs.show", **values)
