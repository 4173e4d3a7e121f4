"""ZooKeeper as a store: its session, how records lie in its nodes, and who leads."""

from kernel.store.zookeeper.announced import find_announced as find_announced
from kernel.store.zookeeper.store import ZooKeeperStore as ZooKeeperStore
