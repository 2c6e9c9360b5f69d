"""Whatever two reviewers and an outside process do in whatever order, everybody folds it alike."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.standing import standing
from matching.tables import TABLES

START = datetime(2026, 3, 1, tzinfo=UTC)


def naive(rows):
    """One row after the other, by hand: {pair: value}."""
    withdrawn = {row["supersedes"] for row in rows if row["value"] == "withdrawn"}
    alive = [r for r in rows if r["value"] != "withdrawn" and r["decision_id"] not in withdrawn]
    replaced = {row["supersedes"] for row in alive}
    found = {}
    for row in sorted(alive, key=lambda row: (row["recorded_at"], row["decision_id"])):
        if row["decision_id"] not in replaced:
            found[row["left_row_no"]] = row["value"]
    return found


acts = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "file"]),  # who
        st.integers(0, 2),  # which pair
        st.sampled_from(["match", "no", "unsure", "undo"]),
        st.booleans(),  # has seen what was appended before
    ),
    max_size=14,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(acts)
def test_fold_equals_one_row_after_the_other(given_acts):
    rows = []
    for number, (by, pair, value, fresh) in enumerate(given_acts):
        seen = rows if fresh else rows[:-1]
        back = {row["supersedes"] for row in seen if row["value"] == "withdrawn"}
        alive = [r for r in seen if r["value"] != "withdrawn" and r["decision_id"] not in back]
        row = {"decision_id": f"d{number:03}", "subject": "pair", "left_row_no": pair, "by": by}
        row["recorded_at"] = START + timedelta(seconds=number)
        if value == "undo":
            own = [r for r in alive if r["by"] == by]
            if not own or any(r["supersedes"] == own[-1]["decision_id"] for r in alive):
                continue
            row |= {"value": "withdrawn", "supersedes": own[-1]["decision_id"]}
            row["left_row_no"] = own[-1]["left_row_no"]
        else:
            replaced = {r["supersedes"] for r in alive}
            standing_now = [
                r for r in alive if r["left_row_no"] == pair and r["decision_id"] not in replaced
            ]
            row |= {
                "value": value,
                "supersedes": standing_now[-1]["decision_id"] if standing_now else None,
            }
        rows.append(row)
    frame = TABLES["decisions"].complete(
        pl.DataFrame(rows, infer_schema_length=None) if rows else TABLES["decisions"].empty()
    )
    last = standing(frame, "pair").unique(["left_row_no"], keep="last", maintain_order=True)
    assert dict(last["left_row_no", "value"].iter_rows()) == naive(rows)
