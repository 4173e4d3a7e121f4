"""A dashboard as a process of its own, and a Chromium to look at it.

`Dashboard` may stand over the stand-in or over a real cluster: it takes the parts' URLs.
"""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, expect

from tests.processes import free_port, wait_until

ROOT = Path(__file__).parents[2]
PICTURES = os.environ.get("TEPUI_PICTURES")
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LIVE_WITHIN_MS = 10_000


def chromium(playwright: Playwright) -> Browser:
    """The system's Chromium where there is one, else the one that playwright installed."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    return playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_FLAGS))


@contextmanager
def dashboard(parts: Mapping[str, str], work_dir: Path) -> Iterator[str]:
    """`python -m web` over the parts; gives its URL once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "web", "--port", str(port), "--work-dir", str(work_dir)]
    for name, url in parts.items():
        command += [f"--{name}", url]
    process = subprocess.Popen(command, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(f"{url}/health"), 20, "the dashboard answers")
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def until_live(page: Page) -> None:
    """The page has its event stream open, so that whatever comes now is seen."""
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=LIVE_WITHIN_MS)


def keep_picture(page: Page, name: str) -> None:
    """A picture per screen, where TEPUI_PICTURES says where to."""
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"), full_page=True)


def deploy_by_form(page: Page, url: str, app_id: str, command: str, **fields: str) -> None:
    """Fill the deploy form in by its labels and send it; ends on the app's page."""
    page.goto(f"{url}/apps/new")
    page.get_by_label("Name", exact=True).fill(app_id)
    page.get_by_label("Command", exact=True).fill(command)
    for label, value in fields.items():
        page.get_by_label(label.replace("_", " "), exact=True).fill(value)
    page.get_by_role("button", name="Deploy", exact=True).click()
    expect(page.get_by_role("heading", name=app_id, exact=True)).to_be_visible()


def create_job(page: Page, url: str, name: str, command: str, cron: str) -> None:
    """Fill the job form in by its labels and send it; ends on the job's page."""
    page.goto(f"{url}/jobs/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Command", exact=True).fill(command)
    page.get_by_label("Cron line").fill(cron)
    expect(page.get_by_role("list", name="Next runs").get_by_role("listitem")).to_have_count(5)
    page.get_by_role("button", name="Create job").click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
