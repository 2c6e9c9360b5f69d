"""Column proposals (figure COL7): headers renamed at random, every fifth made meaningless.

python -m benchmarks.columns [--seeds 3] [--renames 6] [--shared DIR] [--failures] [--json]

Tables: those of rehearsals (three profiles) with their masters and roster, and record files of others
below --shared. Each column gets a spelling of benchmarks.spellings at random, or a meaningless one with
probability 0.2. A field is right where it is proposed, sure or likely; a proposal graded `sure` that is
not right is wrong and unmarked. `held_out` is the half of the spellings that nobody looked at when the
words were mended: --failures never shows it. `new_words`: headers with a word that the code has not.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.results import measured, record
from benchmarks.spellings import MEANINGLESS, SPELLINGS, held_out
from matching.intake.content import Content
from matching.intake.readers import ROW_NO, sample
from matching.propose.headers import header_says
from matching.propose.overlap import NOTHING_KNOWN, KnownValues, from_mapped, from_roster, joined
from matching.propose.profile import Profile, profile_table
from matching.propose.table import propose_profiles
from matching.sources import LeakedSource

MEANINGLESS_SHARE = 0.2
PROFILES = ("dental", "clinic", "late")
PEOPLE = 3000
UNMAPPED = {
    "procedure": "kind:treatment",
    "notes": "text",
    "balance": "kind:payment",
    "sent_on": "extra",
}
HINTS = ("entity_hint", "entity_hint#city", "entity_hint#state")

_FEBRL = {
    "rec_id": "record_id", "given_name": "first_name", "surname": "last_name", "street_number": "street#number",
    "address_1": "street#name", "address_2": "street2", "suburb": "city", "postcode": "zip", "state": "state",
    "date_of_birth": "date_of_birth", "soc_sec_id": "ssn",
}  # fmt: skip
_CDC = {
    "ID": "record_id", "BIRTHDATE": "date_of_birth", "FIRST": "first_name", "LAST": "last_name", "SUFFIX": "suffix",
    "MAIDEN": "previous_last_name", "RACE": "=", "ETHNICITY": "=", "GENDER": "sex", "ADDRESS": "street",
    "CITY": "city", "STATE": "state", "COUNTY": "=", "ZIP": "zip", "SSN": "ssn",
}  # fmt: skip
_PSEUDO = {
    "record_id": "record_id", "first_name": "first_name", "middle_name": "middle_name", "last_name": "last_name",
    "date_of_birth": "date_of_birth", "sex": "sex", "ssn": "ssn", "street_number": "street#number",
    "street_name": "street#name", "unit_number": "street2", "city": "city", "state": "state", "zipcode": "zip",
    "mrn": "mrn", "source_ce_hint": "entity_id", "ce_id": "entity_id", "as_of_year": "=",
}  # fmt: skip
_W2 = {
    "ssn": "ssn", "wages": "=", "employer_id": "=", "employer_name": "=", "employer_street_number": "=",
    "employer_street_name": "=", "employer_unit_number": "=", "employer_city": "=", "employer_state": "=",
    "employer_zipcode": "=", "first_name": "first_name", "middle_initial": "middle_name", "last_name": "last_name",
    "mailing_address_street_number": "street#number", "mailing_address_street_name": "street#name",
    "mailing_address_unit_number": "street2", "mailing_address_city": "city", "mailing_address_state": "state",
    "mailing_address_zipcode": "zip", "tax_form": "=", "tax_year": "=", "record_id": "record_id",
}  # fmt: skip
_SSA = {
    "ssn": "ssn", "first_name": "first_name", "middle_name": "middle_name", "last_name": "last_name",
    "date_of_birth": "date_of_birth", "sex": "sex", "event_type": "=", "event_date": "=", "record_id": "record_id",
}  # fmt: skip
_TUFTS = {
    "row_id": "record_id", "first": "first_name", "last": "last_name", "city": "city", "state": "state",
    "zip": "zip", "dob": "date_of_birth",
}  # fmt: skip
_SPLINK = {"unique_id": "record_id", "first_name": "first_name", "surname": "last_name", "dob": "date_of_birth",
           "city": "city", "email": "email"}  # fmt: skip
SHARED = {
    "febrl/febrl1.parquet": _FEBRL, "febrl/febrl3.parquet": _FEBRL, "febrl/febrl4a.parquet": _FEBRL,
    "febrl/febrl4b.parquet": _FEBRL, "cdc_recordlinker/nbs_seed.parquet": _CDC,
    "pseudopeople_dev/leaked_records.parquet": _PSEUDO, "pseudopeople_dev/master_patients.parquet": _PSEUDO,
    "easylink_2020/2020_input_file_ssa.parquet": _SSA, "easylink_2020/2020_input_file_w2.parquet": _W2,
    "tufts/100-patients-original.parquet": _TUFTS, "tufts/100-patients-missing-data.parquet": _TUFTS,
    "splink_fake_1000/fake_1000.parquet": _SPLINK,
}  # fmt: skip
"""Record file -> what each column is; `=` keeps its header and must not become a field."""


@dataclass(frozen=True)
class Table:
    """A sample with its truth: source column -> target."""

    name: str
    rows: pl.DataFrame
    truth: dict[str, str]
    profiles: list[Profile]
    master: bool = False


@dataclass(frozen=True)
class Outcome:
    """One column of one table, renamed once."""

    table: str
    header: str
    kind: str
    truth: str
    said: str
    grade: str
    evidence: tuple[str, ...]

    @property
    def is_field(self) -> bool:
        """A canonical field is the truth."""
        return not self.truth.startswith("kind:") and self.truth not in {"text", "extra", "="}

    @property
    def right(self) -> bool:
        """Proposed as it is; what is no field, as none."""
        if self.is_field:
            return (
                self.said.partition("#")[0] == self.truth.partition("#")[0]
                and self.grade != "unknown"
            )
        return not self.said or self.said.startswith("kind:") or self.said in {"text", "extra"}

    @property
    def wrong_unmarked(self) -> bool:
        """Graded sure and not right."""
        return self.grade == "sure" and not self.right


def rehearsal(folder: Path, profile: str, seed: int) -> tuple[list[Table], KnownValues]:
    """Tables of one rehearsal, masters first, and what its roster tells."""
    import tomllib

    from flows.rehearse import rehearse

    rehearse(folder, people=PEOPLE, seed=seed, profile=profile)  # type: ignore[arg-type]  # one of PROFILES
    raw = tomllib.loads((folder / "incident.toml").read_text())
    tables = []
    for section in ("masters", "leaked"):
        for entry in raw[section]:
            truth: dict[str, str] = dict(UNMAPPED)
            for field, columns in entry["columns"].items():
                names = [columns] if isinstance(columns, str) else columns
                targets = HINTS if field == "entity_hint" else (field,) * len(names)
                truth |= dict(zip(names, targets, strict=False))
            frames = []
            for path in sorted(folder.glob(entry["path"])):
                source = LeakedSource.model_validate(
                    {k: v for k, v in entry.items() if k != "columns"}
                )
                first = sample(Content(path), source)
                assert first is not None
                frames.append(first.rows.drop(ROW_NO))
            rows = pl.concat(frames[:4])
            kept = {name: truth[name] for name in rows.columns if name in truth}
            tables.append(
                Table(
                    f"{profile}/{entry['path']}",
                    rows,
                    kept,
                    profile_table(rows),
                    section == "masters",
                )
            )
    return tables, from_roster(pl.read_csv(folder / "entities.csv", infer_schema=False))


def shared(root: Path) -> Iterator[Table]:
    for name, truth in SHARED.items():
        frame = pl.read_parquet(root / name)
        kept = {column: target for column, target in truth.items() if column in frame.columns}
        texts = frame.select(pl.col(list(kept)).cast(pl.String))
        rows = texts.with_columns(pl.when(pl.all().str.strip_chars() != "").then(pl.all()))
        yield Table(name, rows, kept, profile_table(rows))


def renamed(table: Table, chance: random.Random) -> tuple[dict[str, str], dict[str, str]]:
    """New header of each column, and of which kind it is."""
    headers: dict[str, str] = {}
    kinds: dict[str, str] = {}
    style = chance.choice(MEANINGLESS)
    for number, column in enumerate(table.rows.columns):
        target = table.truth.get(column, "=")
        taken = {name.lower() for name in headers.values()}
        free = [name for name in SPELLINGS.get(target, (column,)) if name.lower() not in taken]
        if target == "=" or (chance.random() >= MEANINGLESS_SHARE and not free):
            headers[column], kinds[column] = column, "as delivered"
        elif chance.random() < MEANINGLESS_SHARE:
            headers[column], kinds[column] = style.format(number), "meaningless"
        else:
            headers[column] = chance.choice(free)
            kinds[column] = "held out" if held_out(headers[column]) else "seen half"
    return headers, kinds


def outcomes(tables: list[Table], known: KnownValues, chance: random.Random) -> Iterator[Outcome]:
    """Proposals for the tables under new headers, masters first, as `affected init` makes them."""
    for table in tables:
        headers, kinds = renamed(table, chance)
        profiles = [replace(profile, name=headers[profile.name]) for profile in table.profiles]
        proposed = propose_profiles(profiles, known)
        if table.master:
            columns = {
                f: c for f, c in proposed.columns("sure", "likely").items() if isinstance(c, str)
            }
            known = joined(known, from_mapped(table.rows.rename(headers), columns))
        for column, proposal in zip(table.rows.columns, proposed.proposals, strict=True):
            yield Outcome(
                table.name, headers[column], kinds[column], table.truth.get(column, "="),
                proposal.target, proposal.grade, proposal.evidence,
            )  # fmt: skip


def figures(found: list[Outcome]) -> dict[str, Any]:
    fields = [one for one in found if one.is_field]
    return {
        "columns": len(found),
        "fields": len(fields),
        "right": round(sum(one.right for one in fields) / max(len(fields), 1), 4),
        "right_and_sure": round(
            sum(one.right and one.grade == "sure" for one in fields) / max(len(fields), 1), 4
        ),
        "wrong_but_marked": sum(not one.right and one.grade != "sure" for one in fields),
        "wrong_unmarked": sum(one.wrong_unmarked for one in found),
    }


def summary(found: list[Outcome]) -> dict[str, Any]:
    kinds = sorted({one.kind for one in found})
    new = [
        one
        for one in found
        if one.kind in {"held out", "seen half"} and header_says(one.header).unknown
    ]
    sources = {"rehearsals": [o for o in found if o.table.split("/")[0] in PROFILES],
               "others' files": [o for o in found if o.table.split("/")[0] not in PROFILES]}  # fmt: skip
    return {
        "all": figures(found),
        "by_header": {kind: figures([one for one in found if one.kind == kind]) for kind in kinds},
        "new_words": figures(new),
        "by_source": {name: figures(ones) for name, ones in sources.items() if ones},
        "by_table": {name: figures([o for o in found if o.table == name])["right"] for name in sorted({o.table for o in found})},
    }  # fmt: skip


def main() -> None:
    """Make the tables once, rename them many times, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3, help="rehearsals of each profile")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--renames", type=int, default=6, help="times that each table is renamed")
    parser.add_argument("--shared", type=Path, help="folder of others' record files")
    parser.add_argument("--failures", action="store_true", help="show those of the seen half")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: list[Outcome] = []
    cost = measured(lambda: _measure(options, found))
    for pair, count in Counter((o.truth, o.said) for o in found if o.wrong_unmarked).items():
        print("wrong and unmarked:", *pair, count)
    if options.failures:
        failures(found)
    result = {
        "seeds": options.seeds, "first_seed": options.first_seed, "renames": options.renames,
        "spellings": sum(map(len, SPELLINGS.values())),
        "spellings_held_out": sum(held_out(word) for words in SPELLINGS.values() for word in words),
        **summary(found), **cost,
    }  # fmt: skip
    record("columns", result, show=options.json)


def _measure(options: argparse.Namespace, found: list[Outcome]) -> int:
    for profile in PROFILES:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            with tempfile.TemporaryDirectory() as name:
                tables, roster = rehearsal(Path(name) / "incident", profile, seed)
            for turn in range(options.renames):
                found.extend(outcomes(tables, roster, random.Random(f"{profile} {seed} {turn}")))
    for table in shared(options.shared) if options.shared else ():
        for turn in range(options.renames * options.seeds):
            found.extend(
                outcomes(
                    [table],
                    NOTHING_KNOWN,
                    random.Random(f"{table.name} {turn} {options.first_seed}"),
                )
            )
    return len(found)


def failures(found: list[Outcome]) -> None:
    """Headers of the seen half and meaningless ones that were not right, most frequent first."""
    shown = Counter(
        (one.wrong_unmarked and "UNMARKED", one.truth, one.said, one.grade, one.header if one.kind != "meaningless" else f"- in {one.table}")
        for one in found
        if (not one.right or one.wrong_unmarked) and one.kind != "held out"
    )  # fmt: skip
    for (unmarked, *rest), count in sorted(
        shown.items(), key=lambda item: (not item[0][0], -item[1])
    ):
        print(count, unmarked or "", *rest, sep="\t")


if __name__ == "__main__":
    main()
