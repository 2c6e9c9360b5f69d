"""The compiled loops of people against what scipy, NumPy, polars and hmac say."""

import hashlib

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from matching.keys import Keys
from matching.people import compiled
from matching.people.minting import Rows, mint_rows
from matching.people.partition import Links, components, spanning_forest
from matching.people.records import Records, Side
from matching.tables import ROLE_NUMBER

NODES, LINKS = 3_000, 6_000


def links(seed, *, distinct):
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, NODES, (2, LINKS)).astype(np.int32)
    weight = rng.permutation(LINKS) if distinct else rng.integers(0, 40, LINKS)
    return Links(left, right, np.round(weight / 97 - 3, 9), np.zeros(LINKS, np.int32))


def matrix(chosen, values):
    return coo_array((values, (chosen.left, chosen.right)), shape=(NODES, NODES)).tocsr()


def test_components_are_scipy_s():
    made = links(1, distinct=False)
    chosen = np.arange(LINKS) % 3 > 0
    labels = components(NODES, made.left, made.right, chosen)
    kept = made.where(chosen)
    _, want = connected_components(matrix(kept, np.ones(len(kept))), directed=False)
    first = pl.DataFrame({"want": want, "node": np.arange(NODES)})
    lowest = first.select(pl.col("node").min().over("want")).to_series().to_numpy()
    assert (labels == lowest).all()


def test_forest_is_scipy_s_where_no_weights_tie():
    made = links(2, distinct=True)
    made = made.where(made.left < made.right)
    pairs = pl.DataFrame({"left": made.left, "right": made.right})
    made = made.where(
        pairs.select(pl.struct("left", "right").is_first_distinct()).to_series().to_numpy()
    )
    found = np.sort(made.weight[spanning_forest(NODES, made)])
    tree = minimum_spanning_tree(matrix(made, 100 - made.weight))
    assert np.allclose(found, np.sort(100 - tree.data))


def test_forest_of_ties_does_not_depend_on_the_order_of_links():
    made = links(3, distinct=False)
    order = np.random.default_rng(4).permutation(LINKS)
    turned = made.where(order)
    turned = Links(turned.right, turned.left, turned.weight, turned.millionths)

    def ends(some):
        chosen = some.where(spanning_forest(NODES, some))
        both = np.sort(np.stack([chosen.left, chosen.right]), axis=0).T
        return list(zip(*both.T.tolist(), chosen.weight.tolist(), strict=True))

    assert ends(made) == ends(turned)
    weights = made.weight[spanning_forest(NODES, made)]
    assert (np.diff(weights) <= 0).all()


def test_numbers_of_ids_in_files_with_gaps():
    rng = np.random.default_rng(5)
    ids = np.unique(
        rng.integers(2, 5, 4_000) << 40
        | rng.integers(0, 900, 4_000) << 3
        | rng.integers(0, 6, 4_000)
    )
    kept = ids[rng.random(len(ids)) < 0.5]
    side = Side.of(kept)
    wanted = np.concatenate([ids, [0, 1 << 40, 7 << 40, (2 << 40) + (10**6 << 3), (4 << 40) - 1]])
    place = {int(n): k for k, n in enumerate(kept)}
    want = [place.get(int(n), compiled.NOT_THERE) for n in wanted]
    assert side.numbers(wanted).tolist() == want
    nobody = Records(Side.of(kept[:0]), side)
    assert nobody.numbers(kept[:3]).tolist() == [0, 1, 2]
    assert nobody.ids(np.array([2, 0])).tolist() == [kept[2], kept[0]]


def test_most_frequent_value_prefers_charts_then_the_lowest():
    rng = np.random.default_rng(6)
    group = rng.integers(0, 300, 2_000).astype(np.int32)
    value = rng.integers(-1, 4, 2_000).astype(np.int32)
    starts, items = compiled.grouped(300, group, rng.permutation(2_000).astype(np.int32))
    found = compiled.most_frequent(starts, items, value, 1_500, -1)
    rows = pl.DataFrame({"group": group, "value": value, "chart": np.arange(2_000) >= 1_500})
    want = (
        rows.filter(pl.col("value") >= 0)
        .group_by("group", "value")
        .agg(pl.len().alias("times"), pl.col("chart").any())
        .sort("group", "times", "chart", "value", descending=[False, True, True, False])
        .unique("group", keep="first", maintain_order=True)
    )
    expected = np.full(300, -1)
    expected[want["group"].to_numpy()] = want["value"].to_numpy()
    assert found.tolist() == expected.tolist()


def test_repeated_values_of_a_group():
    rng = np.random.default_rng(7)
    group = rng.integers(0, 50, 400).astype(np.int32)
    value = rng.integers(-2, 12, 400).astype(np.int32)
    starts, items = compiled.grouped(50, group, np.arange(400, dtype=np.int32))
    found = np.zeros(400, bool)
    found[items] = compiled.repeated(starts, items, value)
    rows = pl.DataFrame({"group": group, "value": value})
    want = rows.select((pl.col("value") >= 0) & (pl.len().over("group", "value") > 1))
    assert found.tolist() == want.to_series().to_list()


def test_minted_ids_are_those_of_the_keys():
    keys = Keys(b"s" * 32, bytes(range(32)))
    digests = [hashlib.sha256(bytes([n])).hexdigest() for n in range(4)] + ["short", "x" * 200]
    roles = [*ROLE_NUMBER, "chart"]
    rng = np.random.default_rng(8)
    file, role = rng.integers(0, len(digests), 500), rng.integers(0, len(roles), 500)
    row = rng.integers(0, 2 ** rng.integers(1, 37, 500))
    row[:4] = 0, 9, 10, 2**37 - 1
    texts = [f"{digests[f]}:{n}:{roles[r]}" for f, n, r in zip(file, row, role, strict=True)]
    want = keys.mint("person", pl.Series(texts), length=13)
    found = mint_rows(keys.id_key, digests, Rows(file, row, role), roles=roles)
    assert found.to_list() == want.to_list()
    assert mint_rows(
        keys.id_key, digests, Rows(file[:0], row[:0], role[:0]), roles=roles
    ).is_empty()
