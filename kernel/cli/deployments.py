"""Waits for a deployment with live progress, and tells how it ended.

The end is learned from marathon's event stream, opened before the change is asked for; should the
stream break (marathon restarted), from the list of running deployments. Why it waits is asked of
`/v3/deployments`.
"""

import queue
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from kernel.cli import api

POLL_S = 0.5
ENDS = {"deployment_success": "", "deployment_failed": "it failed or was cancelled"}


class Watch:
    """The ends of deployments, as they are announced while this is open."""

    def __init__(self, marathon: str) -> None:
        self._marathon = marathon
        self._ended: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._outcomes: dict[str, str] = {}
        self._attached = threading.Event()
        threading.Thread(target=self._follow, daemon=True).start()
        self._attached.wait(2)  # without the stream the list still tells, a little later

    def _follow(self) -> None:
        for kind, data in api.events(f"{self._marathon}/v2/events"):
            self._attached.set()
            if kind in ENDS:
                plan_id = data.get("plan", {}).get("id")
                self._ended.put(
                    (str(data.get("id") or plan_id), str(data.get("reason") or ENDS[kind]))
                )
        self._attached.set()

    def outcome(self, deployment_id: str, wait_s: float) -> str | None:
        """Empty for success, a reason for failure, none while it is under way."""
        try:
            while deployment_id not in self._outcomes:
                ended, reason = self._ended.get(timeout=wait_s)
                self._outcomes[ended] = reason
        except queue.Empty:
            pass
        return self._outcomes.get(deployment_id)


def wait(marathon: str, watch: Watch, deployment_id: str, timeout_s: float, *, quiet: bool) -> None:
    """Returns when the deployment has succeeded; a `Failure` says why it has not."""
    deadline = time.monotonic() + timeout_s
    gone = 0
    with _progress(quiet) as show:
        while (outcome := watch.outcome(deployment_id, POLL_S)) is None:
            if time.monotonic() > deadline:
                raise api.Failure(_too_late(marathon, deployment_id, timeout_s))
            deployment = _find(marathon, deployment_id)
            if deployment is None:
                gone += 1
                if gone >= 3:  # its end was announced while nobody listened
                    outcome = _ended_unseen(marathon, deployment_id)
                    break
            else:
                gone = 0
                show(_words(deployment))
    if outcome:
        raise api.Failure(f"The deployment {deployment_id} did not succeed: {outcome}.")


def _ended_unseen(marathon: str, deployment_id: str) -> str:
    """A failed app update leaves its own trace; with none, the deployment counts as done."""
    return "" if _find(marathon, deployment_id) is None else "it is still under way"


def _too_late(marathon: str, deployment_id: str, timeout_s: float) -> str:
    deployment = _find(marathon, deployment_id)
    reasons = deployment.get("waitingFor", []) if deployment else []
    why = f" It waits: {'; '.join(reasons)}" if reasons else ""
    words = f"The deployment {deployment_id} is not done after {timeout_s:g} s and goes on.{why}"
    return f"{words} (`tepui app rollback APP` takes it back.)"


def _find(marathon: str, deployment_id: str) -> dict[str, Any] | None:
    try:
        listed = api.request("GET", f"{marathon}/v3/deployments")
    except api.Failure as error:
        if error.exit_code == api.EXIT_UNREACHABLE:
            return {}  # marathon is being restarted: the deployment goes on after that
        listed = api.request("GET", f"{marathon}/v2/deployments")
    found = listed.get("deployments", []) if isinstance(listed, dict) else listed
    return next((each for each in found if each.get("id") == deployment_id), None)


def _words(deployment: dict[str, Any]) -> str:
    step, total = deployment.get("currentStep", 0), deployment.get("totalSteps", 0)
    actions = deployment.get("currentActions") or []
    doing = ", ".join(
        f"{each.get('action')} {each.get('app', each.get('pod', ''))}" for each in actions
    )
    waiting = "; ".join(deployment.get("waitingFor") or [])
    parts = [f"step {step} of {total}" if total else "", doing, waiting]
    return " · ".join(part for part in parts if part)


@contextmanager
def _progress(quiet: bool) -> Iterator[Any]:
    """On a terminal one line that changes; in a log one line per change. To stderr: stdout is the
    answer's.
    """
    last = ""
    terminal = sys.stderr.isatty()

    def show(line: str) -> None:
        nonlocal last
        if quiet or line == last or not line:
            return
        last = line
        click.echo(
            f"\r\033[K  {line[:150]}" if terminal else f"  {line}", err=True, nl=not terminal
        )

    try:
        yield show
    finally:
        if terminal and last and not quiet:
            click.echo("\r\033[K", err=True, nl=False)
