"""Objects held as few bytes."""

from bartizan.core.emit import sealed_hash
from bartizan.kube.packed import PackedItems, Packer
from bartizan.testing import a_policy, a_secret


def test_what_is_unpacked_is_what_was_packed():
    """Whatever an object holds comes back the same, and in the same order, which hashes rest on."""
    packer = Packer()
    items = [a_policy(f"p{n}", network={"ports": [{"port": n + 1}] * n}) for n in range(40)]
    items += [a_secret(f"s{n}", data={"tls.key": "QQ==" * n, "é": None}) for n in range(40)]
    packed = [packer.pack(item) for item in items]
    assert [one.unpack() for one in packed] == items
    assert [sealed_hash(one.unpack()) for one in packed] == [sealed_hash(item) for item in items]
    assert [list(one.unpack()) for one in packed] == [list(item) for item in items]


def test_many_alike_take_little():
    """Of a thousand policies that differ in their names each takes at most a hundred bytes."""
    packer = Packer()
    sizes = [len(packer.pack(a_policy(f"orders-{n}", network={"ports": [{"port": 80}]})).data) for n in range(1000)]
    assert max(sizes[1:]) <= 100


def test_an_object_that_says_much_more_is_the_next_sample():
    """The first policies have no status yet; once one has, the others are packed against that."""
    packer = Packer()
    status = {"conditions": [{"type": f"T{n}", "message": f"what is said of {n * 7919}"} for n in range(30)]}
    first = packer.pack(a_policy("a"))
    longer = [packer.pack({**a_policy(name), "status": status}) for name in "bc"]
    assert [len({first.sample, one.sample}) for one in longer] == [2, 2]
    assert len(longer[1].data) < 100
    assert first.unpack() == a_policy("a")


def test_a_packed_collection_is_a_sequence():
    """It can be counted, gone through again and again, and asked for one or some of it."""
    items = PackedItems()
    for n in range(5):
        items.add(a_policy(f"p{n}"))
    plain = [a_policy(f"p{n}") for n in range(5)]
    assert (len(items), list(items), list(items)) == (5, plain, plain)
    assert (items[0], items[-1], items[1:3]) == (plain[0], plain[4], plain[1:3])
