"""A kind is one object for all who mean the same, and orders by what it says."""

import copy
import gc
import pickle

from kernel.model import kinds
from kernel.model.kinds import UNRESERVED, Disk, DiskSource, Reservation, kind, reserved


def test_equal_contents_are_one_kind() -> None:
    one = kind((Reservation("web", is_dynamic=True, principal="me"),))

    assert one is kind((Reservation("web", is_dynamic=True, principal="me"),))
    assert one is not reserved("web")
    assert kind() is UNRESERVED and kind(disk=Disk()) is UNRESERVED and reserved("") is UNRESERVED


def test_labels_keep_reservations_apart_whatever_their_order() -> None:
    """Source: mesos.md §1.3, dynamic reservation."""

    def labelled(*pairs: tuple[str, str | None]) -> kinds.Kind:
        return kind((Reservation("web", True, labels=pairs),))

    assert labelled(("a", "1"), ("b", None)) is labelled(("b", None), ("a", "1"))
    assert labelled(("a", "1")) is not labelled(("a", "2"))
    assert labelled(("a", None)) is not labelled(("a", ""))


def test_a_copy_is_the_same_kind() -> None:
    volume = kind((Reservation("web", True),), Disk(volume_id="data", container_path="d"))

    assert copy.deepcopy(volume) is volume
    assert pickle.loads(pickle.dumps(volume)) is volume


def test_kinds_order_by_content_unreserved_first() -> None:
    stacked = kind((Reservation("eng", True), Reservation("eng/web", True)))
    order = sorted([stacked, reserved("web"), UNRESERVED, reserved("eng")])

    assert order == [UNRESERVED, reserved("eng"), stacked, reserved("web")]


def test_how_a_volume_is_mounted_does_not_make_it_another_volume() -> None:
    """Source: Mesos, src/common/resources.cpp, operator== of DiskInfo."""
    made = kind((Reservation("web", True),), Disk(volume_id="v", principal="me", mode="RW"))
    used = kind((Reservation("web", True),), Disk(volume_id="v", container_path="elsewhere"))

    assert made is not used
    assert made.bare is used.bare
    assert made.without_volume() is kind((Reservation("web", True),))


def test_a_volume_on_a_mounted_disk_lies_on_that_disk() -> None:
    mount = Disk(source=DiskSource("MOUNT", root="/mnt/one"))
    made = kind((Reservation("web", True),), Disk(source=mount.source, volume_id="v"))

    assert made.without_volume() is kind((Reservation("web", True),), mount)
    assert made.without_volume().is_indivisible


def test_what_nobody_holds_any_more_is_forgotten() -> None:
    gc.collect()  # what other tests left
    before = len(kinds._made)
    passing = kind((Reservation("for-a-moment", True),))
    assert len(kinds._made) == before + 1

    del passing
    gc.collect()
    assert len(kinds._made) == before
