"""The leader as ZooKeeper's other clients look for it: the lowest `json.info_…` node of a path.

Mesos's masters publish themselves so, and its frameworks and tools find them so; any may be asked
for, ours or theirs. Source: Mesos, src/master/constants.hpp (MASTER_INFO_JSON_LABEL), a recording
of a real ensemble's nodes.
"""

from kazoo.exceptions import NoNodeError
from kazoo.security import OPEN_ACL_UNSAFE

from kernel.store.interface import StoreError
from kernel.store.urls import read, redacted
from kernel.store.zookeeper.session import REQUEST_ERRORS, Session

LABEL = "json.info_"
OPTIONS = ("session", "timeout")


def announce(session: Session, path: str, value: bytes) -> None:
    """Publish for as long as the session lasts. Everybody may read it, as Mesos's can be."""
    session.client.create(
        f"{path}/{LABEL}", value, acl=OPEN_ACL_UNSAFE, ephemeral=True, sequence=True, makepath=True
    )


def find_announced(url: str) -> bytes | None:
    """What the leader published below `url` (`zk://h1,h2/path`), or None. Blocks.

    Raises `StoreError` when no server answers, `StoreMalformed` when the URL makes no sense.
    """
    parts = read(url, options=OPTIONS)
    session = Session(parts, redacted(url))
    try:
        session.start()
        path = f"/{parts.path or 'tepui'}"
        names = [name for name in session.children(path) if name.startswith(LABEL)]
        lowest = min(names, key=lambda name: name.removeprefix(LABEL), default=None)
        return session.get(f"{path}/{lowest}") if lowest is not None else None
    except NoNodeError:
        return None
    except REQUEST_ERRORS as error:
        raise StoreError(f"{redacted(url)} can't be read: {error}") from error
    finally:
        session.close()
