"""expected and its interval against all partitions, written out: no sums are shared with the code.

The posterior: persons are parted into groups that hang together by links; a partition weighs the product of
p over links inside a group and of 1 - p over links between two. A group is one person at the entity if one
of it is certainly affected and one of its own rows is there.
"""

import itertools
import random

import pytest

from tests.unit.test_counts import fill, person, row


def partitions(items):
    """Every way to part a list into groups."""
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for size in range(len(rest) + 1):
        for others in itertools.combinations(rest, size):
            left = [item for item in rest if item not in others]
            for more in partitions(left):
                yield [(first, *others), *more]


def hangs_together(group, links):
    reached, grown = set(), {group[0]}
    while grown != reached:
        reached = set(grown)
        grown |= {b for a, b in links if a in reached and b in group}
        grown |= {a for a, b in links if b in reached and a in group}
    return len(reached) == len(group)


def by_link_choices(names, links):
    """The partitions that hang together by links, from all choices of links: for many people, few links."""
    found = set()
    for chosen in itertools.product((False, True), repeat=len(links)):
        group = {name: name for name in names}
        for (a, b), taken in zip(links, chosen, strict=True):
            if taken:
                old, new = group[a], group[b]
                group = {n: new if g == old else g for n, g in group.items()}
        parts = {}
        for name in names:
            parts.setdefault(group[name], []).append(name)
        found.add(tuple(sorted(tuple(p) for p in parts.values())))
    return found


def enumerated(names, links, *, sure, chance):
    """Chances of 0, 1, 2 ... people. `chance`: of each name's own row at the entity."""
    every = partitions(names) if len(names) <= 7 else by_link_choices(names, links)
    total, found = 0.0, [0.0] * (len(names) + 1)
    for parts in every:
        if not all(hangs_together(group, links) for group in parts):
            continue
        weight, numbers = 1.0, [1.0]
        for (a, b), p in links.items():
            weight *= p if any(a in group and b in group for group in parts) else 1 - p
        for group in parts:
            missing = 1.0
            for name in group:
                missing *= 1 - chance.get(name, 0.0)
            there = (1 - missing) if sure & set(group) else 0.0
            both = zip([*numbers, 0.0], [0.0, *numbers], strict=True)
            numbers = [same * (1 - there) + more * there for same, more in both]
        for number, share in enumerate(numbers):
            found[number] += weight * share
        total += weight
    return [share / total for share in found]


def interval(found):
    low = max(k for k in range(len(found)) if sum(found[:k]) <= 0.025)
    high = min(k for k in range(len(found)) if sum(found[k + 1 :]) <= 0.025)
    return low, high


def cluster(seed, size, extra):
    """A random cluster: links that join all, `extra` more; some people only possible, some entities, too."""
    rng = random.Random(seed)
    names = [f"P{n:02}" for n in range(size)]
    links = {(names[rng.randrange(n)], names[n]): 0 for n in range(1, size)}
    while len(links) < size - 1 + extra:
        links[tuple(sorted(rng.sample(names, 2)))] = 0
    links = {ends: round(rng.uniform(0.05, 0.95), 6) for ends in sorted(links)}
    sure = {names[0], *(name for name in names if rng.random() < 0.7)}
    chance = {name: rng.choice([1.0, 0.5]) for name in names if rng.random() < 0.8}
    return names, links, sure, chance


@pytest.mark.parametrize(
    ("size", "extra"),
    [(2, 0), (3, 0), (3, 1), (4, 2), (5, 4), (6, 3), (7, 5), (9, 1), (12, 0), (12, 2)],
)
def test_expected_and_interval_are_those_of_all_partitions(by_hand, size, extra):
    for seed in range(3):
        names, links, sure, chance = cluster(seed, size, extra)
        likeliest = {n: max(p for ends, p in links.items() if n in ends) for n in names}
        made = by_hand()
        people = [
            person(n, group=names[0], affected="confirmed" if n in sure else "possible")
            for n in names
        ]
        affected = {n: 1.0 if n in sure else likeliest[n] for n in names}
        owned = [
            (n, "CE1", "confirmed" if affected[n] * q == 1 else "possible", affected[n] * q)
            for n, q in sorted(chance.items())
        ]
        told = [(n, likeliest[n], names[0]) for n in names if n not in sure]
        fill(made, people, owned, same=[(*ends, p) for ends, p in links.items()], told=told)
        want = {"CE1": chance, None: dict.fromkeys(names, 1.0)}
        for entity, chances in want.items():
            found = enumerated(names, links, sure=sure, chance=chances)
            got = row(made, entity)
            if got is None:
                assert not chances
                continue
            mean = sum(number * share for number, share in enumerate(found))
            low, high = interval(found)
            least, most = got["confirmed"], got["upper"]
            assert got["expected"] == pytest.approx(min(max(mean, least), most), abs=1e-5)
            assert got["expected_low"] == min(low, most)
            assert got["expected_high"] == min(max(high, least), most)


def test_many_doubtful_people_at_one_entity(by_hand):
    """Sums of independent people: their interval is that of the binomial distribution."""
    made = by_hand()
    people = [person(f"P{n:03}") for n in range(200)]
    fill(made, people, [(p["person_id"], "CE1", "possible", 0.3) for p in people])
    found = row(made, "CE1")
    assert found["expected"] == pytest.approx(60.0)
    shares = [1.0]
    for _ in range(200):
        both = zip([*shares, 0.0], [0.0, *shares], strict=True)
        shares = [same * 0.7 + more * 0.3 for same, more in both]
    assert (found["expected_low"], found["expected_high"]) == interval(shares)


def test_a_cluster_too_large_loses_its_weakest_links(by_hand):
    """Fifteen in a chain: cut at the weakest link, the rest as it is."""
    made = by_hand()
    names = [f"P{n:02}" for n in range(15)]
    same = [(a, b, 0.01 if a == "P07" else 0.5) for a, b in itertools.pairwise(names)]
    people = [person(n, group=names[0]) for n in names]
    fill(made, people, [(n, "CE1", "confirmed", 1.0) for n in names], same=same)
    assert row(made, "CE1")["expected"] == pytest.approx(15 - 13 * 0.5, abs=1e-5)
