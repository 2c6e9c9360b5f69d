"""Who is one person, against a naive reading of the same links."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.people.partition import Links, components, partition, spanning_forest

NODES = 9
node = st.integers(0, NODES - 1)
link = st.tuples(node, node, st.integers(1, 6))
CASES = settings(max_examples=100, deadline=None, derandomize=True)


def links_of(triples):
    left, right, weight = (np.array(column, np.int64) for column in zip(*triples, strict=True))
    return Links(left, right, weight.astype(float), np.zeros(len(left), np.int64))


def pairs_of(pairs):
    return np.array([p for p in pairs if p[0] != p[1]], np.int64).reshape(-1, 2)


def groups(labels):
    return {frozenset(np.flatnonzero(labels == n).tolist()) for n in set(labels.tolist())}


def naive_components(triples):
    found = [{n} for n in range(NODES)]
    for one, other, _ in triples:
        first = next(g for g in found if one in g)
        second = next(g for g in found if other in g)
        if first is not second:
            found.remove(second)
            first |= second
    return {frozenset(g) for g in found}


@CASES
@given(st.lists(link, min_size=1, max_size=25))
def test_without_constraints_it_is_the_connected_components(triples):
    links = links_of(triples)
    nobody = np.empty((0, 2), np.int64)
    labels = partition(NODES, links, apart=nobody, cut_ties=True)
    assert groups(labels) == naive_components(triples)
    assert groups(components(NODES, links.left, links.right)) == naive_components(triples)


@CASES
@given(st.lists(link, min_size=1, max_size=25))
def test_forest_is_as_heavy_as_kruskal_s(triples):
    links = links_of(triples)
    chosen = spanning_forest(NODES, links)
    taken, kruskal = [], 0
    for triple in sorted(triples, key=lambda t: -t[2]):
        if naive_components([*taken, triple]) != naive_components(taken):
            taken.append(triple)
            kruskal += triple[2]
    assert links.weight[chosen].sum() == kruskal
    forest = [t for n, t in enumerate(triples) if n in set(chosen.tolist())]
    assert naive_components(forest) == naive_components(triples)


@CASES
@given(
    st.lists(link, min_size=1, max_size=25),
    st.lists(st.tuples(node, node), max_size=5),
    st.lists(st.tuples(node, node), max_size=5),
    st.booleans(),
)
def test_constraints_hold_and_nothing_unlinked_is_joined(triples, pairs, vetoes, cut_ties):
    apart, guarded = pairs_of(pairs), pairs_of(vetoes)
    labels = partition(NODES, links_of(triples), apart=apart, guarded=guarded, cut_ties=cut_ties)
    for held in (apart, guarded):
        assert not (labels[held[:, 0]] == labels[held[:, 1]]).any()
    for group in groups(labels):
        inside = [t for t in triples if t[0] in group and t[1] in group]
        assert group in naive_components(inside)


@CASES
@given(
    st.lists(link, min_size=1, max_size=25),
    st.lists(st.tuples(node, node), max_size=5),
    st.lists(st.tuples(node, node), max_size=5),
    st.randoms(use_true_random=False),
)
def test_order_of_links_and_decisions_does_not_matter(triples, pairs, vetoes, random):
    turned = [(b, a, w) if random.random() < 0.5 else (a, b, w) for a, b, w in triples]
    random.shuffle(turned)
    back = [p[::-1] for p in reversed(pairs)]
    guarded = pairs_of(vetoes)
    one = partition(NODES, links_of(triples), apart=pairs_of(pairs), guarded=guarded, cut_ties=True)
    other = partition(
        NODES, links_of(turned), apart=pairs_of(back), guarded=guarded[::-1, ::-1], cut_ties=True
    )
    assert groups(one) == groups(other)


@CASES
@given(st.lists(link, min_size=1, max_size=25), st.integers(1, 4))
def test_no_group_has_too_many_identities(triples, most):
    nobody = np.empty((0, 2), np.int64)

    def identities(nodes):
        return nodes // 2

    labels = partition(
        NODES, links_of(triples), apart=nobody, cut_ties=True,
        identities=identities, identities_max=most,
    )  # fmt: skip
    for group in groups(labels):
        assert len({n // 2 for n in group}) <= most
    assert groups(labels) == naive_components([t for t in triples if labels[t[0]] == labels[t[1]]])


def test_what_hangs_between_two_who_are_vetoed_goes_to_neither_unless_it_is_surer():
    near = links_of([(0, 1, 20), (1, 2, 10), (2, 3, 12), (3, 4, 20)])
    far = links_of([(0, 1, 20), (1, 2, 10), (2, 3, 14), (3, 4, 20)])
    nobody, vetoed = np.empty((0, 2), np.int64), np.array([[0, 4]])
    for links, expected in ((near, {(0, 1), (2,), (3, 4)}), (far, {(0, 1), (2, 3, 4)})):
        labels = partition(5, links, apart=nobody, guarded=vetoed, cut_ties=True)
        assert groups(labels) == {frozenset(group) for group in expected}
