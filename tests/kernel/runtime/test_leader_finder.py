"""A list of masters may mix addresses and `zk://` URLs, whose own commas separate servers."""

import pytest

from kernel.runtime.leader_finder import master_urls


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("h:5050", ["http://h:5050"]),
        ("h:5050, https://i:5051/", ["http://h:5050", "https://i:5051"]),
        ("zk://a:2181,b:2181/mesos", ["zk://a:2181,b:2181/mesos"]),
        ("zk://me:word@a,b/mesos,h:5050", ["zk://me:word@a,b/mesos", "http://h:5050"]),
        ("h:5050,zk://a,b/mesos", ["http://h:5050", "zk://a,b/mesos"]),
        ("zk://a/x,zk://b,c/y", ["zk://a/x", "zk://b,c/y"]),
        ("", []),
    ],
)
def test_each_master_has_its_scheme(text: str, urls: list[str]) -> None:
    assert master_urls(text) == urls
