"""`affected responses`: what covered entities answer, from the response form into the inbox `responses`.

One file may hold the answers of one entity or of many: the columns of response_form.csv, saved as CSV by any
spreadsheet program. A row whose value is empty is no answer. Every bad row is named at once, and then nothing
is taken. A file that was taken before adds nothing: an answer's id is made of the file's digest and its row.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from matching.store import OperatorError, Workspace
from matching.tables import TABLES
from notify.answers import CORRECTABLE, FLAGS, released_packets
from notify.packets.delta import as_listed
from notify.packets.letter import DUTIES

__all__ = ["COLUMNS", "Taken", "take"]

COLUMNS = ("entity_id", "packet_version", "person_id", "answer", "field", "value")
"""Columns of the form that are read; `dated_on` may follow, others are not looked at."""

_ANSWERS = ("accept", "dispute", "correct", "flag", "delegate", "receipt", "closed")
_ON_THE_WHOLE = ("delegate", "receipt", "closed")
_BY = ("ba", "ce", "undecided")
_AGENCY = ("agent", "independent")
_BORN_FROM = date(1900, 1, 1)
_ROWS_NAMED = 20
"""Of one kind of mistake; the others are counted."""
_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Taken:
    """How many answers of how many entities were appended; `before`: the file had been taken already."""

    answers: int
    entities: int
    unanswered: int
    before: bool


def take(
    workspace: Workspace,
    path: Path,
    *,
    by: str,
    dated_on: date,
    latest: date,
    recorded_at: datetime,
) -> Taken:
    """Append the file's answers; the next round reads them.

    `dated_on` is the day of answers that bear none, `latest` the last day that an answer may bear. Raises
    OperatorError naming every bad row, and then appends nothing.
    """
    data = _bytes(path)
    rows = _read(path, data)
    answers = _typed(rows.filter(_answered() & pl.col("answer").is_not_null()))
    _refuse_bad(path, rows, _with_packets(workspace, answers), latest=latest)
    file = hashlib.sha256(data).hexdigest()
    ids = [_id(file, number) for number in answers["number"].to_list()]
    known = workspace.scan("responses").filter(pl.col("response_id").is_in(ids)).collect()
    found = {
        "unanswered": rows.height - answers.height,
        "entities": answers["entity_id"].n_unique(),
    }
    if known.height:
        return Taken(answers=0, before=True, **found)
    appended = answers.select(
        pl.Series("response_id", ids, dtype=pl.String),
        "entity_id", "answer", "person_id", "packet_version", "field", "value",
        dated_on=pl.coalesce("received_on", "dated_on", pl.lit(dated_on)),
        by=pl.lit(by), recorded_at=pl.lit(recorded_at),
    )  # fmt: skip
    workspace.append("responses", TABLES["responses"].complete(appended))
    return Taken(answers=answers.height, before=False, **found)


def _id(file: str, number: int) -> str:
    return hashlib.sha256(f"{file}|{number}".encode()).hexdigest()[:24]


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise OperatorError(f"{path}: no such file") from None
    except OSError:
        raise OperatorError(f"{path}: cannot be read; name a CSV file") from None
    return data.removeprefix(b"\xef\xbb\xbf")


def _read(path: Path, data: bytes) -> pl.DataFrame:
    """The file as text, blanks null, `number` as a spreadsheet counts its rows (header 1)."""
    try:
        header = data.decode("utf-8").partition("\n")[0]
    except UnicodeDecodeError:
        raise OperatorError(f"{path}: not UTF-8; save it as CSV UTF-8") from None
    separator = max(_SEPARATORS, key=header.count)
    try:
        raw = pl.read_csv(io.BytesIO(data), infer_schema=False, separator=separator)
    except pl.exceptions.PolarsError:
        raise OperatorError(
            f"{path}: cannot be read; save the response form as CSV UTF-8"
        ) from None
    names = [name.strip().lower() for name in raw.columns]
    missing = [name for name in COLUMNS if name not in names]
    if missing or len(set(names)) < len(names):
        wrong = f"no column {', '.join(missing)}" if missing else "two columns of one name"
        raise OperatorError(f"{path}: {wrong}; fill in response_form.csv of the packet")
    raw = raw.rename(dict(zip(raw.columns, names, strict=True)))
    if "dated_on" not in names:
        raw = raw.with_columns(dated_on=pl.lit(None, dtype=pl.String))
    text = pl.col(*COLUMNS, "dated_on").str.strip_chars().str.strip_prefix("'")
    rows = raw.select(pl.when(text != "").then(text).name.keep())
    return rows.with_row_index("number", offset=2).with_columns(
        pl.col("answer", "field").str.to_lowercase()
    )


def _answered() -> pl.Expr:
    """Rows that say something: a question of the form without a value was left open."""
    spoken = pl.col("value").is_not_null() | pl.col("person_id").is_not_null()
    return (spoken | (pl.col("answer") == "dispute")).fill_null(value=False)


def _typed(rows: pl.DataFrame) -> pl.DataFrame:
    """Values in the form in which they are stored; texts that are no date or number stay in `given_...`."""
    value = pl.col("value")
    lower = pl.col("answer").is_in(["delegate", "accept"]) | (pl.col("field") == "agency")
    upper = (pl.col("field") == "state") | (
        (pl.col("answer") == "flag") & (pl.col("field") != "representative")
    )
    born = _day(value).dt.strftime("%Y-%m-%d")
    stored = (
        pl.when(pl.col("answer") == "receipt")
        .then(born)
        .when(lower.fill_null(value=False))
        .then(value.str.to_lowercase())
        .when(upper.fill_null(value=False))
        .then(value.str.to_uppercase().replace({"YES": "Y", "NO": "N"}))
        .when(pl.col("field") == "date_of_birth")
        .then(pl.coalesce(born, value))
        .otherwise(value)
    )
    return rows.with_columns(
        given_version="packet_version",
        given_day="dated_on",
        given_value="value",
        packet_version=pl.col("packet_version").cast(pl.Int32, strict=False),
        dated_on=_day(pl.col("dated_on")),
        received_on=pl.when(pl.col("answer") == "receipt").then(_day(value)),
        value=stored,
    )


def _day(text: pl.Expr) -> pl.Expr:
    """2026-03-05, or 3/5/2026 as a spreadsheet program writes it in the United States."""
    return pl.coalesce(
        text.str.to_date("%Y-%m-%d", strict=False), text.str.to_date("%m/%d/%Y", strict=False)
    )


def _with_packets(workspace: Workspace, rows: pl.DataFrame) -> pl.DataFrame:
    """Add `in_roster`, `released_on` of the packet that a row answers, and `listed` where it names a person."""
    roster = workspace.read("entities", ["entity_id"]).with_columns(in_roster=pl.lit(value=True))
    wide = rows.join(roster, on="entity_id", how="left").join(
        released_packets(workspace), on=["entity_id", "packet_version"], how="left"
    )
    known = wide.filter(pl.col("released_on").is_not_null() & pl.col("person_id").is_not_null())
    lists = [
        as_listed(workspace.get_output(f"packets/{entity}/v{version}/individuals.csv")).select(
            "person_id",
            entity_id=pl.lit(entity),
            packet_version=pl.lit(version, dtype=pl.Int32),
            listed=pl.lit(value=True),
        )
        for entity, version in known.select("entity_id", "packet_version")
        .unique()
        .sort(pl.all())
        .rows()
    ]
    if not lists:
        return wide.with_columns(listed=pl.lit(value=False)).sort("number")
    keys = ["entity_id", "packet_version", "person_id"]
    return wide.join(pl.concat(lists), on=keys, how="left").sort("number")


def _mistakes(latest: date) -> dict[str, pl.Expr]:
    """What is wrong with a row by itself: words with their fix, and where they hold."""
    answer, field, value = pl.col("answer"), pl.col("field").fill_null(""), pl.col("value")
    one = pl.col("person_id").is_not_null()
    known = pl.col("in_roster").is_not_null()
    there = pl.col("released_on").is_not_null()
    correct, flag = answer == "correct", answer == "flag"
    day = pl.coalesce("received_on", "dated_on")
    early = (day < pl.col("released_on")).fill_null(value=False)
    late = (day > latest).fill_null(value=False)
    born = _day(value)
    return {
        f"answer is none of {', '.join(_ANSWERS)}": ~answer.is_in(_ANSWERS),
        "entity_id is not in the roster": ~known,
        "packet_version is none that was released to this entity": known & ~there,
        "this person is not in that version of the entity's packet": there & one & pl.col("listed").is_null(),
        "this answer is on the whole packet; leave person_id empty": one & answer.is_in(_ON_THE_WHOLE),
        "value must be a day, 2026-03-05": (answer == "receipt") & pl.col("received_on").is_null(),
        "dated_on must be a day, 2026-03-05": pl.col("given_day").is_not_null() & pl.col("dated_on").is_null(),
        "the day is before the packet was released": there & early,
        f"the day is after {latest}": late,
        "value must be yes; to object write dispute": (answer == "accept") & ~value.is_in(["yes", "y"]),
        "field must be a duty: " + ", ".join(DUTIES): (answer == "delegate") & ~field.is_in(list(DUTIES)),
        "value must be ba, ce or undecided": (answer == "delegate") & ~value.is_in(_BY),
        "of the whole packet only agency can be corrected; name a person_id": correct & ~one & (field != "agency"),
        "value must be agent or independent": correct & ~one & (field == "agency") & ~value.is_in(_AGENCY),
        f"field must be one of {', '.join(CORRECTABLE)}": correct & one & ~field.is_in(CORRECTABLE),
        "value is missing": (correct | flag) & one & value.is_null(),
        "value must be a possible day of birth, 1980-02-03": correct & (field == "date_of_birth")
        & ~born.is_between(_BORN_FROM, latest),
        "value must be a state's two letters": correct & (field == "state") & ~value.str.contains(r"^[A-Z]{2}$"),
        "value must be a ZIP code, 21401 or 21401-0001": correct & (field == "zip")
        & ~value.str.contains(r"^\d{5}(-\d{4})?$"),
        "flag speaks of one person; name a person_id": flag & ~one,
        f"field must be one of {', '.join(FLAGS)}": flag & ~field.is_in(FLAGS),
        "value must be Y or N": flag & field.is_in([f for f in FLAGS if f != "representative"])
        & ~value.is_in(["Y", "N"]),
    }  # fmt: skip


def _contradictions() -> dict[str, pl.Expr]:
    """What is wrong with several rows of a file together."""
    answer = pl.col("answer")
    question = ["entity_id", "person_id", "answer", "field"]
    several = pl.col("value").n_unique().over(question) > 1
    verdict = answer.is_in(["accept", "dispute"])
    both = answer.filter(verdict).n_unique().over("entity_id", "person_id") > 1
    one = pl.col("person_id").is_not_null()
    disputed = (answer == "dispute").any().over("entity_id", "person_id") & one
    accepted = ((answer == "accept") & ~one).any().over("entity_id")
    closed = (answer == "closed").any().over("entity_id")
    return {
        "two values for one question": several,
        "both accepted and disputed": both & verdict,
        "disputed as no patient, and corrected or flagged": disputed
        & answer.is_in(["correct", "flag"]),
        "the whole list is accepted and this person disputed": accepted
        & one
        & (answer == "dispute"),
        "closed, and yet it accepts or takes over a duty": closed
        & ((verdict & ~one) | ((answer == "delegate") & (pl.col("value") == "ce"))),
    }


def _refuse_bad(path: Path, rows: pl.DataFrame, answers: pl.DataFrame, *, latest: date) -> None:
    """Raise with every bad row by its number; values are a person's data and are not repeated."""
    nothing = rows.filter(
        pl.col("answer").is_null()
        & (pl.col("value").is_not_null() | pl.col("person_id").is_not_null())
    )
    wrong = [("answer is missing", nothing["number"].to_list())]
    for words, where in {**_mistakes(latest), **_contradictions()}.items():
        wrong.append((words, answers.filter(where.fill_null(value=True))["number"].to_list()))
    told = [f"{path}: {_rows(numbers)}: {words}" for words, numbers in wrong if numbers]
    if told:
        raise OperatorError("\n".join(told))
    if answers.is_empty():
        raise OperatorError(f"{path}: no answer in it; fill in the column value")


def _rows(numbers: list[int]) -> str:
    """`row 3`, `rows 3, 4`, and of many the first and how many more."""
    shown = ", ".join(map(str, numbers[:_ROWS_NAMED]))
    more = len(numbers) - _ROWS_NAMED
    return f"row{'s' * (len(numbers) > 1)} {shown}" + (f" and {more} more" if more > 0 else "")
