"""The seeded shuffle: the same for the same seed, another for another, and fair enough."""

from kernel.allocator.chance import NoChance, SeededChance


def test_the_same_seed_gives_the_same_order() -> None:
    one, other = list(range(50)), list(range(50))

    SeededChance(7).shuffle(one)
    SeededChance(7).shuffle(other)

    assert one == other
    assert sorted(one) == list(range(50))
    assert one != sorted(one)


def test_every_item_comes_first_about_as_often() -> None:
    chance = SeededChance(0)
    firsts = [0, 0, 0, 0]
    for _ in range(4_000):
        items = [0, 1, 2, 3]
        chance.shuffle(items)
        firsts[items[0]] += 1

    assert all(800 < count < 1_200 for count in firsts)


def test_no_chance_leaves_the_order() -> None:
    items = [3, 1, 2]

    NoChance().shuffle(items)

    assert items == [3, 1, 2]
