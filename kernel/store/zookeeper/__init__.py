"""ZooKeeper as a store: its session, how records lie in its nodes, and who leads."""

from kernel.store.zookeeper.store import ZooKeeperStore as ZooKeeperStore
