"""Rows of jobs and runs."""

from web.present import jobs as present
from web.shapes.chronos import Job, Run


def run(nominal: str, state: str, exit_status: int | None = None) -> Run:
    return Run(
        run_id=nominal, nominal=nominal, started=nominal, state=state, exit_status=exit_status
    )


def test_runs_are_newest_first_and_the_strip_is_oldest_first() -> None:
    runs = [run("2026-01-02T00:00:00Z", "failed", 3), run("2026-01-01T00:00:00Z", "succeeded", 0)]

    assert [row.id[:10] for row in present.run_rows(runs)] == ["2026-01-02", "2026-01-01"]
    assert [cell.tone for cell in present.strip(runs)] == ["ok", "bad"]


def test_a_run_says_how_it_ended() -> None:
    rows = present.run_rows([run("2026-01-02T00:00:00Z", "failed", 3)])

    assert (rows[0].look.word, rows[0].exit_text) == ("Failed", "exit 3")


def test_jobs_without_a_next_run_come_last_in_both_directions() -> None:
    rows = present.job_rows(
        [
            Job(name="never"),
            Job(name="soon", schedule="x", next_run="2026-01-01T00:00:00Z"),
            Job(name="later", schedule="x", next_run="2027-01-01T00:00:00Z"),
        ]
    )

    assert [r.name for r in present.in_order(rows, "next", False)] == ["soon", "later", "never"]
    assert [r.name for r in present.in_order(rows, "next", True)] == ["later", "soon", "never"]


def test_a_disabled_job_has_no_next_run() -> None:
    row = present.job_row(
        Job(name="x", disabled=True, schedule="x", next_run="2026-01-01T00:00:00Z")
    )

    assert (row.look.word, row.next_ms) == ("Disabled", None)


def test_the_last_run_is_read_as_a_run_or_from_the_counters() -> None:
    told = Job(last_run={"nominal": "2026-01-01T00:00:00Z", "state": "failed"})
    old = Job(last_success="2026-01-01T00:00:00Z", last_error="2026-01-02T00:00:00Z")

    assert present.job_row(told).last.word == "Failed"
    assert present.job_row(old).last.word == "Failed"
    assert present.job_row(Job()).last_ms is None
