"""The linking engine at its edges: what must not be lost, what is counted, what is refused."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pytest

from benchmarks.plain import plain_model
from matching.errors import OperatorError
from matching.link import LinkSettings, blocks, limits, matcher, run
from matching.link.blocks import build_index, count_places, places, shared_keys
from matching.link.coding import Coder
from matching.link.hashing import Numbering, column_hashes
from matching.link.kernel import Found
from matching.link.keys import slots
from matching.link.limits import Sizes, sizes_across
from matching.link.matcher import Indexed, Matcher
from matching.link.program import compile_model
from matching.link.rules import Rule, rules_of
from matching.link.scorer import SCORED
from matching.link.sides import Held, Tools, index_side
from matching.model.files import load_model
from matching.store import Workspace
from tests.link_oracle import Case, level, model, null, plain_rules, sample, within_budget
from tests.link_people import damaged, people, write_std

NAMES = model(
    [
        null("city_l is null or city_r is null"),
        level("city_l = city_r", 0.8, 0.01, tf_adjustment_column="city"),
        level("levenshtein(city_l, city_r) <= 1", 0.1, 0.02),
        level("ELSE", 0.1, 0.97),
    ],
    [level("phone_l = phone_r or phone_l = phone2_r or phone2_l = phone_r or phone2_l = phone2_r", 0.5, 0.01), level("ELSE", 0.5, 0.99)],
    prior=0.05,
)  # fmt: skip
CROSSWISE = {
    "telephone": Rule("telephone", "", (("phone",), ("phone2",))),
    "initial": Rule("initial", "", (("left(city, 1)", "sex"), ("right(city, 1)", "sex"))),
    "name": Rule("name", "", (("city",),)),
}
"""Rules with several keys: phone of one side against phone2 of the other; one record twice under one key."""


def records(count: int, *, seed: int = 3, names: int = 40) -> pl.DataFrame:
    """Names that differ by a letter, telephones that repeat and cross over, a bit of everything null."""
    rng = np.random.default_rng(seed)
    drawn = {
        "city": [f"NAME{n:03}" if n % 9 else None for n in rng.integers(0, names, count)],
        "phone": [str(n) if n else None for n in rng.integers(0, 15, count)],
        "phone2": [str(n) if n else None for n in rng.integers(0, 15, count)],
        "sex": [str(n) for n in rng.integers(0, 2, count)],
    }
    return pl.DataFrame(drawn, schema=dict.fromkeys(drawn, pl.String))


LEFT, RIGHT = records(130), records(90, seed=4)


def tools_of(case: Case, *, coded: str = "") -> Tools:
    coder = Coder(case.settings, case.frequencies, sample=sample(case.right, coded=coded))
    return Tools(coder, slots(case.rules), threads=1)


@pytest.mark.parametrize("floor", [float("-inf"), -5.0, -1.0, 3.0])
@pytest.mark.parametrize("flipped", [False, True])
def test_exactly_the_pairs_at_the_floor_are_kept(floor: float, flipped: bool) -> None:
    case = Case(NAMES, CROSSWISE, LEFT, RIGHT)
    kept = case.both_agree(floor=floor, flipped=flipped)
    assert 50 < kept < LEFT.height * RIGHT.height


def test_a_pair_exactly_at_the_floor_is_kept() -> None:
    case = Case(NAMES, CROSSWISE, LEFT, RIGHT)
    for floor in case.expected()["match_weight"].unique().sort().gather_every(5):
        case.both_agree(floor=floor)


@pytest.mark.parametrize("step", [0, 1, 7, 50])
def test_one_side_against_itself_gives_each_pair_once(step: int) -> None:
    case = Case(NAMES, CROSSWISE, LEFT)
    own = {0, 6, 7, 8, 129}
    found = case.found(own=own, step=step)
    assert case.both_agree(own=own, step=step) == found.height
    pairs = found.select("left_rid", "right_rid")
    assert pairs.is_unique().all()
    assert (pairs["left_rid"] <= pairs["right_rid"]).all()
    same = found.filter(pl.col("left_rid") == pl.col("right_rid"))
    assert set(same["left_rid"]) == own
    assert (same["rules"] == 1 << 62).all()


@pytest.mark.parametrize("room", [1, 2, 60, 129])
def test_a_room_smaller_than_one_records_candidates_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(matcher, "ROOM", room)
    for case in (Case(NAMES, CROSSWISE, LEFT, RIGHT), Case(NAMES, CROSSWISE, LEFT)):
        assert case.both_agree() > 1_000
        assert case.both_agree(floor=-1.0, coded="city phone phone2") > 100


def test_more_values_than_the_first_table_holds() -> None:
    values = pl.Series([f"{n:06}" for n in range(60_000)])
    numbering = Numbering(("length(value)",), shaped=True)
    first = numbering.number(column_hashes(values[:7]), values[:7])
    mixed = pl.concat([values, values.reverse(), pl.Series([None], dtype=pl.String)])
    numbers = numbering.number(column_hashes(mixed), mixed)
    assert list(first) == list(range(1, 8))
    assert numbers[-1] == 0
    assert (numbers[:60_000] == numbers[60_000:120_000][::-1]).all()
    assert numbering.texts.gather(numbers).equals(mixed)
    assert (numbering.known[1:, 0] == 6).all()
    assert (numbering.find(column_hashes(values)) == numbers[:60_000]).all()
    assert (numbering.find(column_hashes(pl.Series(["strange"]))) == 0).all()


def test_values_first_seen_after_the_index_was_made_are_compared_too() -> None:
    late = pl.DataFrame({"city": [f"LATE{n:05}" for n in range(12_000)]})
    right = late.with_columns(phone=pl.col("city"), phone2=pl.lit(None, pl.String), sex=pl.lit("F"))
    left = right.with_columns(city=pl.col("city") + "X")
    case = Case(NAMES, plain_rules(("phone",)), left, right)
    assert case.both_agree(coded="city phone phone2 sex", step=5_000) == 12_000


EMPTY = LEFT.clear()


@pytest.mark.parametrize(
    ("left", "right"), [(EMPTY, RIGHT), (LEFT, EMPTY), (EMPTY, EMPTY), (LEFT[:1], RIGHT[:1])]
)
def test_sides_without_records_make_no_pairs(left: pl.DataFrame, right: pl.DataFrame) -> None:
    frequencies = Case(NAMES, CROSSWISE, LEFT, RIGHT).frequencies
    found = Case(NAMES, CROSSWISE, left, right, frequencies=frequencies).found()
    assert found.height <= left.height * right.height


def test_no_record_has_a_key_of_a_rule() -> None:
    nothing = LEFT.with_columns(
        pl.lit(None, pl.String).alias(c) for c in ("city", "phone", "phone2")
    )
    frequencies = Case(NAMES, CROSSWISE, LEFT, RIGHT).frequencies
    assert Case(NAMES, CROSSWISE, nothing, RIGHT, frequencies=frequencies).found().is_empty()
    assert Case(NAMES, CROSSWISE, LEFT, nothing, frequencies=frequencies).found().is_empty()
    assert Case(NAMES, CROSSWISE, nothing, frequencies=frequencies).found().is_empty()


_BLOCKS_SQL = """
with l as ({left}), r as ({right})
select l.n as n_left, r.n as n_right
from (select key, count(*) as n from l where key is not null group by key) l
join (select key, count(*) as n from r where key is not null group by key) r using (key)
order by all
"""


@pytest.mark.parametrize("within", [False, True])
def test_blocks_are_counted_as_sql_groups_them(within: bool) -> None:
    left = LEFT
    right = LEFT if within else RIGHT
    case = Case(NAMES, CROSSWISE, left, None if within else right)
    tools = tools_of(case)
    _, index = index_side(Held(right), tools)
    sizes = Sizes(index, None) if within else sizes_across(index, Held(left), tools, size=40)[0]
    for bit, rule in enumerate(CROSSWISE.values()):
        keys = [" || '|' || ".join(key) for key in rule.keys]
        sides = [" union all ".join(f"select {key} as key from {side}" for key in keys) for side in ("city", "unit")]  # fmt: skip
        with duckdb.connect() as con:
            con.register("city", left.to_arrow())
            con.register("unit", right.to_arrow())
            expected = con.sql(_BLOCKS_SQL.format(left=sides[0], right=sides[1])).fetchall()
        shared = sizes.shared(bit)
        found = sorted(zip(shared.left.tolist(), shared.right.tolist(), strict=True))
        assert found == [b for b in expected if not within or b[1] > 1]


def test_keys_that_collide_in_their_bucket_are_told_apart() -> None:
    keys = np.array(
        [5 << 40, 6 << 40, 7 << 40, 5 << 40, 1 << 63, (1 << 64) - 1, 0], dtype=np.uint64
    )
    rule = np.zeros(1, dtype=np.int64)
    index = build_index([keys.copy()], rule, rows=len(keys), threads=1)
    counts = np.zeros(len(index.entries), dtype=np.uint32)
    count_places(places(index, rule, keys[None])[0], counts)
    shared = shared_keys(index, 0, counts)
    assert sorted(shared.pairs) == [1, 1, 1, 1, 4]


def kept_blocks(
    case: Case, *, budget: int, caplog: pytest.LogCaptureFixture
) -> tuple[pl.DataFrame, int]:
    """Pairs that are left within a budget, and their number as `limited` counts them."""
    tools = tools_of(case)
    coded, index = index_side(Held(case.right), tools)
    sizes = sizes_across(index, Held(case.left), tools)[0]
    caplog.clear()
    index, widest = within_budget(sizes, case.rules, budget)
    streamed, keys = tools.coded(Held(case.left), 0, case.left.height)
    found = Matcher(tools.coder, tools.connection(), tools.slots.rule, float("-inf"))
    at = places(index, tools.slots.rule, keys)
    pieces = found.pairs(streamed, at, Indexed(coded, index, widest))
    rows = pl.concat([pl.DataFrame(schema=SCORED), *pieces])
    return rows, widest


def test_a_rules_own_cap_takes_out_whole_keys_only(caplog: pytest.LogCaptureFixture) -> None:
    for cap in (1.0, 4.0, 12.0, 30.0):
        rules = {n: Rule(n, "", r.keys, block_pairs_max=cap) for n, r in CROSSWISE.items()}
        case = Case(NAMES, rules, LEFT, RIGHT)
        rows, _ = kept_blocks(case, budget=10**9, caplog=caplog)
        expected = case.expected()
        assert (
            rows.sort("left_rid", "right_rid")
            .select("left_rid", "right_rid", "rules")
            .equals(expected.select("left_rid", "right_rid", "rules"))
        )


def test_the_budget_leaves_out_the_largest_blocks_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    case = Case(NAMES, plain_rules(("phone",), ("city",)), LEFT, RIGHT)
    caplog.set_level("INFO", logger="affected")  # a command run earlier in the process quietens it
    whole, _ = kept_blocks(case, budget=10**9, caplog=caplog)
    assert "left_out" not in caplog.text
    for budget in (900, 400, 60, 1):
        rows, _ = kept_blocks(case, budget=budget, caplog=caplog)
        assert 0 <= rows.height <= budget
        assert "blocks_left_out_phone=" in caplog.text
        assert "largest_block_pairs=" in caplog.text
        assert rows.height < whole.height


def test_a_rule_that_stays_below_its_share_is_not_cut(caplog: pytest.LogCaptureFixture) -> None:
    case = Case(NAMES, plain_rules(("sex",), ("city",)), LEFT, RIGHT)
    named = Case(NAMES, plain_rules(("city",)), LEFT, RIGHT).expected().height
    rows, _ = kept_blocks(case, budget=2 * named, caplog=caplog)
    assert rows.filter(pl.col("rules") & 2 != 0).height == named
    assert rows.filter(pl.col("rules") & 1 != 0).is_empty()


def test_a_rule_that_no_data_can_justify_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = Case(NAMES, plain_rules(("city",), ("sex",)), LEFT, RIGHT)
    monkeypatch.setattr(limits, "REFUSED_OVER", LEFT.height * RIGHT.height / 3)
    with pytest.raises(OperatorError, match=r"blocking rule 'sex' would make .* by one value"):
        case.found()
    assert OperatorError.exit_code == 3
    tools = tools_of(case)
    sizes = sizes_across(index_side(Held(RIGHT), tools)[1], Held(LEFT), tools)[0]
    for refuse in (False, True):  # a budget above it allows no more
        with pytest.raises(limits.TooManyPairs, match="'sex'"):
            limits.too_common(
                sizes, rules=case.rules, pair_budget=10**15, step="s", threads=1, refuse=refuse
            )


@pytest.mark.parametrize("room", [1, 500])
def test_what_waits_for_texts_is_bounded_by_the_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    monkeypatch.setattr(matcher, "ROOM", room)
    sizes: list[int] = []
    made = matcher._room

    def noted(size: int, comparisons: int) -> Found:
        sizes.append(size)
        return made(size, comparisons)

    monkeypatch.setattr(matcher, "_room", noted)
    case = Case(NAMES, CROSSWISE, LEFT, RIGHT)
    tools = tools_of(case)
    coded, index = index_side(Held(RIGHT), tools)
    streamed, keys = tools.coded(Held(LEFT), 0, LEFT.height)
    both = sizes_across(index, Held(LEFT), tools)[0]
    index, widest = within_budget(both, CROSSWISE, 10**9)
    pieces = list(
        Matcher(tools.coder, tools.connection(), tools.slots.rule, float("-inf"))
        .pairs(streamed, places(index, tools.slots.rule, keys), Indexed(coded, index, widest))
    )  # fmt: skip
    most = max(Case(NAMES, CROSSWISE, LEFT, RIGHT).expected().group_by("left_rid").len()["len"])
    assert most <= widest < most * 6
    assert sizes == [max(room, widest + 1)]
    assert max(piece.height for piece in pieces) <= sizes[0]
    assert len(pieces) >= sum(p.height for p in pieces) / sizes[0]


def refused(comparisons: list[Any]) -> str:
    with pytest.raises(OperatorError) as caught:
        compile_model(model(*comparisons))
    return str(caught.value)


TWO = [level("city_l = city_r", 0.9, 0.1), level("ELSE", 0.1, 0.9)]


def test_what_fits_no_vector_is_refused_by_name() -> None:
    assert "16 comparisons" in refused([TWO] * 16)
    compile_model(model(*[TWO] * 15))
    fifteen = [level(f"length(city_l) = {n}", 0.01, 0.02) for n in range(13)]
    compile_model(model([null("city_l is null"), *fifteen, level("ELSE", 0.5, 0.5)]))
    many = [level(f"length(city_l) = {n}", 0.01, 0.02) for n in range(15)]
    assert "'c1' has 16 levels" in refused([TWO, [*many, level("ELSE", 0.5, 0.5)]])


def test_the_largest_model_that_fits_agrees() -> None:
    levels = [
        level(f"length(city_l) = {n} or city_r = '{n}'", 0.03, 0.01 + n / 99) for n in range(13)
    ]
    whole = [null("city_l is null"), *levels, level("ELSE", 0.5, 0.5)]
    case = Case(model(*[whole] * 15), CROSSWISE, LEFT, RIGHT)
    assert case.both_agree() == case.both_agree(coded="city")


def test_comparisons_without_an_end_are_refused_by_name() -> None:
    endless = [level("city_l = city_r", 0.9, 0.1), level("city_l <> city_r", 0.1, 0.9)]
    early = [level("ELSE", 0.1, 0.9), level("city_l = city_r", 0.9, 0.1)]
    for wrong in (endless, early):
        assert "'c1': its last level is not ELSE" in refused([TWO, wrong])


@pytest.mark.parametrize("rule", [
    "l.city = r.unit", "l.city > r.city", "levenshtein(l.city, r.city) < 2", "l.city = r.city or l.unit = r.unit", "l.city = 'X'",
    "l.city = r.city and l.unit < r.unit", "city = city", "l.city = r.city and (l.unit = r.unit or l.state = r.state)",
    "not (l.city = r.city)", "1 = 1", "left(l.city, 1) = left(r.city, 2)",
])  # fmt: skip
def test_a_blocking_rule_that_is_no_equality_is_refused_by_name(rule: str) -> None:
    with pytest.raises(OperatorError, match="is no conjunction of equalities") as caught:
        rules_of({"blocking_rules_to_generate_predictions": [{"blocking_rule": rule}]})
    assert rule in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"blocking_rule": "l.city = r.city", "arrays_to_explode": ["city"]}, "explodes arrays"),
        ({"sql_dialect": "duckdb"}, "without `blocking_rule`"),
    ],
)
def test_what_a_blocking_rule_asks_beyond_equality_is_refused(
    rule: dict[str, Any], said: str
) -> None:
    with pytest.raises(OperatorError, match=said):
        rules_of({"blocking_rules_to_generate_predictions": [rule]})


def test_a_models_own_rules_are_read_in_any_spelling() -> None:
    given = [
        "l.city = r.city",
        "r.city = l.city and (l.phone = r.phone)",
        "(left(l.city,1) = left(r.city,1)) and l.sex = r.sex",
    ]
    rules = rules_of({"blocking_rules_to_generate_predictions": given})
    assert [rule.keys for rule in rules.values()] == [
        (("city",),), (("city", "phone"),), (("LEFT(city, 1)", "sex"),)
    ]  # fmt: skip
    case = Case(NAMES, rules, LEFT, RIGHT)
    with duckdb.connect() as con:
        con.register("x", LEFT.with_row_index("i").to_arrow())
        con.register("y", RIGHT.with_row_index("j").to_arrow())
        written = " or ".join(f"({rule})" for rule in given)
        joined = con.sql(f"select count(*) from x l join y r on {written}").fetchall()[0][0]
    assert case.both_agree() == joined


def linked(folder: Path, *sides: pl.DataFrame, **how: Any) -> Workspace:
    folder.mkdir()
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="t", synthetic=True, key_file=folder / "key.json"
    )
    write_std(workspace, *sides)
    settings = {"model": "clinic", "train": "never", "memory_gib": 2, "threads": 1, **how}
    run(workspace, LinkSettings(**settings))
    return workspace


@pytest.fixture(scope="module")
def sides() -> tuple[pl.DataFrame, pl.DataFrame]:
    everyone = people(150)
    return damaged(everyone, seed=1), damaged(everyone, seed=2)


def test_cutting_threads_and_memory_change_no_byte_of_the_pairs(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    ways: list[dict[str, Any]] = [
        {"chunk_rows": 10_000}, {"chunk_rows": 7}, {"chunk_rows": 100, "threads": 2},
        {"chunk_rows": 40, "threads": 2, "memory_gib": 1e-6},
    ]  # fmt: skip
    few = [rows.head(45) for rows in sides]
    made = [linked(tmp_path / str(n), *few, **how) for n, how in enumerate(ways)]
    assert made[0].rows("pairs") > 40
    assert len({workspace.digest("pairs") for workspace in made}) == 1


def test_the_step_agrees_with_joins_and_splink(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    workspace = linked(tmp_path / "one", *sides, floor_bits=-50.0)
    settings = json.loads(workspace.read("model")["settings"][0])
    place = pl.col("street_number") + " " + pl.col("street_name")
    leaked, charts = (
        workspace.read(name).with_columns(place=place) for name in ("leaked_std", "charts_std")
    )
    case = Case(
        settings, rules_of(settings), leaked, charts,
        frequencies=workspace.read("term_frequencies"),
    )  # fmt: skip
    expected = case.expected(floor=-50.0)
    made = workspace.read("pairs").filter(pl.col("kind") == "leaked_master").sort("left", "right")
    assert made.height == expected.height > 150
    assert made["left"].equals(leaked["mention_id"].gather(expected["left_rid"]).alias("left"))
    assert made["right"].equals(charts["chart_id"].gather(expected["right_rid"]).alias("right"))
    assert made["vector"].to_list() == expected["vector"].to_list()
    assert np.allclose(made["match_weight"], expected["match_weight"], rtol=0, atol=1e-6)


def test_another_order_of_rows_gives_the_same_weights_of_every_kind(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    sides = sides[0][:90], sides[1][:90]
    leaked, charts = sides
    shuffled = leaked.sample(fraction=1, shuffle=True, seed=8), charts.reverse()
    both = [
        linked(tmp_path / str(n), *rows).read("pairs").select("kind", "match_weight", "vector")
        for n, rows in enumerate((sides, shuffled))
    ]
    assert both[0].height > 80
    kinds = [rows.filter(pl.col("kind") == "leaked_master").sort(pl.all()) for rows in both]
    assert kinds[0].equals(kinds[1])
    within = [
        rows.filter(pl.col("kind") != "leaked_master")["match_weight"].sort() for rows in both
    ]
    assert within[0].equals(within[1])


def write_model(folder: Path, settings: dict[str, Any]) -> str:
    path = folder / "mine.json"
    path.write_text(json.dumps(settings))
    return str(path)


UNREADABLE = {
    "column without a side": ({"sql_condition": "first_name = 'A'"}, "first_name"),
    "no SQL": ({"sql_condition": "sex_l = = sex_r"}, "first_name"),
    "unknown function": ({"sql_condition": "nysiis(sex_l) = nysiis(sex_r)"}, "nysiis"),
    "adjusted without an equal level": (
        {"sql_condition": "levenshtein(city_l, city_r) < 2", "tf_adjustment_column": "city"}, "city"
    ),
}  # fmt: skip


def refuses(folder: Path, sides: tuple[pl.DataFrame, ...], settings: Any, named: str) -> None:
    with pytest.raises(OperatorError, match=named):
        linked(folder / "one", *sides, model=write_model(folder, settings))


def changed_level(changed: dict[str, Any]) -> dict[str, Any]:
    settings = plain_model()
    settings["comparisons"][0]["comparison_levels"][1] |= changed
    return settings


def test_the_step_refuses_an_unknown_column_by_name(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    changed = {"sql_condition": "maiden_name_l = maiden_name_r"}
    refuses(tmp_path, sides, changed_level(changed), "maiden_name")


def test_the_step_refuses_an_unknown_frequency_column_by_name(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    refuses(tmp_path, sides, changed_level({"tf_adjustment_column": "maiden_name"}), "maiden_name")


def test_the_step_refuses_a_rule_over_an_unknown_column_by_name(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    rules = ["l.maiden_name = r.maiden_name"]
    settings = plain_model() | {"blocking_rules_to_generate_predictions": rules}
    refuses(tmp_path, sides, settings, "maiden_name")


@pytest.mark.parametrize("fault", UNREADABLE)
def test_the_step_refuses_conditions_that_it_cannot_read(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame], fault: str
) -> None:
    changed, named = UNREADABLE[fault]
    refuses(tmp_path, sides, changed_level(changed), named)


@pytest.mark.parametrize("rule", ["l.sex = = r.sex", ""])
def test_the_step_refuses_rules_that_it_cannot_read(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame], rule: str
) -> None:
    settings = plain_model() | {"blocking_rules_to_generate_predictions": [rule]}
    refuses(tmp_path, sides, settings, "blocking rule")


def test_more_rules_than_a_pair_can_name_are_refused() -> None:
    rules = [f"l.city = r.city and left(l.phone, {n}) = left(r.phone, {n})" for n in range(1, 64)]
    with pytest.raises(OperatorError, match="63 blocking rules"):
        rules_of({"blocking_rules_to_generate_predictions": rules})


def test_the_step_refuses_models_that_it_cannot_read(
    tmp_path: Path, sides: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    untrained = load_model("dental")
    del untrained["comparisons"][2]["comparison_levels"][1]["m_probability"]
    wide = plain_model()
    wide["comparisons"] *= 2
    other = plain_model()
    other["blocking_rules_to_generate_predictions"] = ["levenshtein(l.zip5, r.zip5) < 1"]
    for number, (settings, said) in enumerate([
        (untrained, "date_of_birth"), (wide, "18 comparisons"), (other, "blocking rule"),
    ]):  # fmt: skip
        with pytest.raises(OperatorError, match=said):
            linked(tmp_path / str(number), *sides, model=write_model(tmp_path, settings))


def test_memory_follows_the_room_and_not_the_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    many = records(700, seed=6, names=5)
    case = Case(NAMES, plain_rules(("sex",)), many, many)
    peaks = []
    for room in (1_000, 100_000):
        monkeypatch.setattr(matcher, "ROOM", room)
        tools = tools_of(case, coded="city phone phone2 sex")
        coded, index = index_side(Held(many), tools)
        sizes = sizes_across(index, Held(many), tools)[0]
        index, widest = within_budget(sizes, case.rules, 10**9)
        found = Matcher(tools.coder, tools.connection(), tools.slots.rule, float("-inf"))
        at = places(index, tools.slots.rule, tools.keys(Held(many), 0, 700))
        tracemalloc.start()
        pairs = sum(p.height for p in found.pairs(coded, at, Indexed(coded, index, widest)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert pairs > 200_000
    assert peaks[0] < peaks[1] / 10
    assert peaks[0] < 1_000_000


def test_more_keys_than_places_can_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "NOWHERE", 5)
    keys = np.arange(1, 8, dtype=np.uint64) << np.uint64(40)
    with pytest.raises(OperatorError, match="blocking keys"):
        build_index([keys], np.zeros(1, dtype=np.int64), rows=len(keys), threads=1)
