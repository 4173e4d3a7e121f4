"""URLs of stores: what they say, and that no password is ever said again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.store import open_store
from kernel.store.interface import StoreError, StoreMalformed
from kernel.store.urls import has_password, read, redacted


def test_several_hosts_share_one_path() -> None:
    url = read("zk://h1:2181,h2,[::1]:2183/mesos/tepui?session=4", options=("session",))

    assert url.hosts == ("h1:2181", "h2", "[::1]:2183")
    assert url.path == "mesos/tepui"
    assert url.number("session", 10, least=0.3) == 4


def test_credentials_may_be_percent_encoded() -> None:
    url = read("redis://me:p%40ss%2F@host:6379/1", options=())

    assert (url.user, url.password, url.path) == ("me", "p@ss/", "1")


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("redis://", "names no host"),
        ("redis://host:99999", "no port"),
        ("redis://host?leese=3", "no option leese; there are: lease"),
        ("redis://host?lease=soon", "lease=soon is no number"),
        ("redis://host?lease=0", "must be 0.3 or more"),
        ("redis://host?lease=nan", "must be 0.3 or more"),
        ("redis://host/one", "'one' is no number of a database"),
        ("zk://", "names no host"),
        ("zk://h?sesion=3", "no option sesion"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_part(url: str, word: str) -> None:
    with pytest.raises(StoreMalformed, match=word):
        open_store(url)


passwords = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=8, max_size=30)


@given(passwords, st.sampled_from(["redis", "rediss", "redis+sentinel", "zk"]))
def test_a_password_is_never_said_again(password: str, scheme: str) -> None:
    url = f"{scheme}://user:{password}@127.0.0.1:1/0"

    assert password not in redacted(f"could not reach {url}, nor {url}")
    assert has_password(url)
    assert not has_password(redacted(url).replace("***", "")) or "***" in redacted(url)


@pytest.mark.parametrize("scheme", ["redis", "zk"])
def test_a_server_that_does_not_answer_is_named_without_the_password(scheme: str) -> None:
    store = open_store(f"{scheme}://me:secret-word@127.0.0.1:1/0?timeout=0.2", "test")

    with pytest.raises(StoreError) as caught:
        store.lead("one")

    assert "127.0.0.1:1" in str(caught.value)
    assert "secret-word" not in str(caught.value)
    store.close()


def test_a_url_without_password_stays_as_it_is() -> None:
    url = "zk://h1:2181,h2:2181/tepui?session=3"

    assert redacted(url) == url
    assert not has_password(url)
