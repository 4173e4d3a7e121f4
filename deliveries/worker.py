"""The Celery worker: takes each delivery, makes an attempt, and decides whether to try again.

A delivery is acknowledged only after it was made, put back for later, or buried: at least once.
Attempts are the sender's; the pauses between them grow, and a delivery that keeps failing ends as a
dead letter with its reason.
"""

import fcntl
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from celery import Celery
from celery.exceptions import WorkerShutdown
from celery.signals import setup_logging, worker_ready
from celery.worker import state as worker_state
from kombu.exceptions import OperationalError

from deliveries import dead, send
from deliveries.config import Config
from deliveries.queue import QUEUE, TASK, Webhook, address, read, recover

log = logging.getLogger("deliveries")

VISIBILITY_S = 2 * 3600  # Redis gives an unacknowledged message to another worker after this


def make_app(config: Config) -> Celery:
    """Only what we use of Celery is on: no results, no events, no remote control."""
    url, transport_options = address(config.broker_address)
    app = Celery("deliveries", set_as_current=False)
    app.conf.update(
        broker_url=url,
        broker_transport_options={"visibility_timeout": VISIBILITY_S, **transport_options},
        broker_connection_retry_on_startup=True,
        task_queues=[QUEUE],
        task_default_queue=QUEUE.name,
        task_default_routing_key=QUEUE.routing_key,
        task_acks_late=True,
        task_ignore_result=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        accept_content=["json"],
    )

    @app.task(name=TASK, bind=True, max_retries=None)
    def deliver(task: Any, delivery: dict[str, Any]) -> None:
        attempt_delivery(config, task, delivery)

    return app


def attempt_delivery(config: Config, task: Any, delivery: dict[str, Any]) -> None:
    attempt = int(task.request.retries or 0) + 1
    name = delivery.get("id", "?")
    try:
        attempt_once(config, delivery, attempt)
        log.info("%s: delivered in attempt %d", name, attempt)
    except (send.Refused, msgspec.ValidationError) as error:
        _bury(config, delivery, str(error), attempt)
    except send.TryAgain as error:
        if attempt >= config.attempts_max:
            _bury(config, delivery, str(error), attempt)
            return
        pause_s = min(config.retry_first_s * 2 ** (attempt - 1), config.retry_longest_s)
        log.warning("%s: attempt %d: %s; again in %g s", name, attempt, error, pause_s)
        raise task.retry(exc=error, countdown=pause_s) from error


def attempt_once(config: Config, delivery: dict[str, Any], attempt: int) -> None:
    known = read(delivery)
    if isinstance(known, Webhook):
        send.post(known, attempt)
    else:
        send.mail(known, config.smtp, config.sender)


def _bury(config: Config, delivery: dict[str, Any], reason: str, attempts: int) -> None:
    path = dead.bury(Path(config.work_dir) / "dead", delivery, reason, attempts)
    log.error("%s: given up after attempt %d: %s (kept in %s)",
              delivery.get("id", "?"), attempts, reason, path)  # fmt: skip


def run(config: Config) -> int:
    """Works until SIGTERM or SIGINT; answers the exit code."""
    work_dir = Path(config.work_dir)
    work_dir.mkdir(parents=True, exist_ok=True)
    lock = _lock(work_dir)
    if lock is None:
        print(f"tepui deliveries: another worker runs in --work-dir {work_dir}", file=sys.stderr)
        return 2
    app = make_app(config)
    try:
        recovered = recover(config.broker_address)
        log.info("%d deliveries had been under way and are tried again", recovered)
    except OperationalError as error:
        log.warning("the broker does not answer yet (%s); the worker waits for it", error)
    ready = work_dir / "ready"
    ready.unlink(missing_ok=True)

    @worker_ready.connect(weak=False)
    def on_ready(**_: Any) -> None:
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        ready.write_text(str(os.getpid()))

    setup_logging.connect(lambda **_: None, weak=False)  # ours stays as it is
    worker = app.Worker(
        pool="solo", concurrency=1, without_gossip=True, without_mingle=True,
        without_heartbeat=True, quiet=True, optimization="fair",
    )  # fmt: skip
    try:
        worker.start()
    finally:
        ready.unlink(missing_ok=True)
        os.close(lock)
    return int(worker.exitcode or 0)


def stop(_number: int, _frame: FrameType | None) -> None:
    """At once when idle; else after the attempt that is being made, which its deadline bounds."""
    worker_state.should_stop = 0  # type: ignore[assignment]  # typed as None only
    if not worker_state.active_requests:
        raise WorkerShutdown(0)


def _lock(work_dir: Path) -> int | None:
    descriptor = os.open(work_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
