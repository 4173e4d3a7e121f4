"""A job that fails for good: its owner hears of it by mail, through the deliveries."""

from collections.abc import Callable

from tests.cluster.cluster import Cluster, eventually
from tests.deliveries.targets import mailbox


def test_the_owner_of_a_failed_job_gets_a_mail(make_cluster: Callable[..., Cluster]) -> None:
    with mailbox() as (address, letters):
        flags = ("--smtp", address, "--without", "lb", "--without", "web")
        cluster = make_cluster("--cpus", "2", "--mem", "1024", *flags).up()
        job = {"name": "doomed", "command": "exit 3", "schedule": "R1//PT1H", "retries": 0,
               "owner": "you@example.org", "cpus": 0.1, "mem": 32}  # fmt: skip
        assert cluster.chronos("POST", "iso8601", job)[0] == 204

        eventually(lambda: any("doomed" in letter and "failed" in letter for letter in letters))

    assert "To: you@example.org" in letters[0]
