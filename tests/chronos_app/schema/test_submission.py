"""Bodies of requests. The refusals are tested over the API, row by row."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chronos_app.schema.job import Counters, Defaults, Dialect, Job
from chronos_app.schema.listing import list_job
from chronos_app.schema.refusal import Refused
from chronos_app.schema.submission import Kind, read_submission


def read(dialect: Dialect = Dialect.V3, kind: Kind = Kind.SCHEDULED, **body: Any) -> Job:
    raw = json.dumps(body).encode()
    return read_submission(raw, dialect, kind, Defaults()).job


def test_parents_win_over_a_schedule() -> None:
    job = read(name="a", schedule="R//P1D", parents=["b", "b"])

    assert (job.parents, job.schedule) == (("b",), "")


def test_nulls_are_absences_but_null_retries_are_none_at_all() -> None:
    """Source: Chronos, JobDeserializer.scala."""
    job = read(name="a", command=None, owner=None, cpus=None, retries=None, schedule=None)

    assert (job.command, job.owner, job.cpus, job.retries) == ("", "", 0.1, 0)


def test_a_container_without_an_image_is_ignored() -> None:
    assert read(name="a", container={"type": "DOCKER"}).container is None


def test_uris_and_an_equal_fetch_are_no_contradiction() -> None:
    """A listing shows both, and comes back."""
    job = read(name="a", uris=["u"], fetch=[{"uri": "u", "cache": True}])

    assert [item.cache for item in job.files()] == [True]


def test_an_epsilon_is_a_default_of_2x_only() -> None:
    assert read(Dialect.V2, name="a").epsilon == "PT60S"
    assert read(Dialect.V3, name="a").epsilon == ""


NAMES = st.text("abcXYZ019_-", min_size=1, max_size=20)
JOBS = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        "command": st.text("abc |;'\"$\n", max_size=10),
        "schedule": st.just("R/2030-01-01T00:00:00Z/P1D"),
        "retries": st.integers(0, 5),
        "cpus": st.floats(0.1, 8),
        "disabled": st.booleans(),
        "arguments": st.lists(st.text("ab ", max_size=3), max_size=3),
        "environmentVariables": st.lists(
            st.fixed_dictionaries({"name": st.just("A"), "value": st.text("xy", max_size=3)})
        ),
        "unknownToUs": st.lists(st.integers()),
    },
)


@given(body=JOBS, dialect=st.sampled_from(Dialect))
def test_what_is_listed_reads_back_as_the_same_job(body: dict[str, Any], dialect: Dialect) -> None:
    job = read(dialect, **body)

    listed = list_job(job, Counters(), dialect, job.disabled)

    assert read(dialect, **{k: v for k, v in listed.items() if v != "" or k != "schedule"}) == job
    for key, value in body.items():
        assert listed[key] == value


@given(st.binary(max_size=60))
def test_no_bytes_do_more_than_be_refused(raw: bytes) -> None:
    with pytest.raises(Refused):
        read_submission(raw, Dialect.V2, Kind.SCHEDULED, Defaults())
