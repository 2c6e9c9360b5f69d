"""Proof packs, single letters, and the digest that an approval of the letters binds.

Ten letters a version with live data, by strata: longest name, an alternative address, abroad, Massachusetts,
Puerto Rico and so on, then by lot. The lot is the notice id, which is keyed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import CheckFailed, OperatorError, Workspace
from notify.letters.alternatives import LARGE_PRINT, format_list
from notify.letters.body import LARGE_PT, SIZE_PT, letter_data
from notify.letters.envelopes import check_return_addresses
from notify.letters.lint import lint, readings, says_a_value
from notify.letters.merge import merged
from notify.letters.pages import Press
from notify.letters.settings import LettersSettings
from notify.letters.taglines import write_insert
from notify.letters.texts import Wording, load_wording

__all__ = ["PROOFS", "checked_wording", "letter", "letters_digest", "proof_pack"]

PROOFS = 10
"""Letters a version (DOMAIN 5.4)."""
_PRIVATE = ("date_of_birth", "ssn", "mrn", "member_id", "phone", "phone2", "email")
_STRATA = {
    "longest_name": pl.col("longest_line").rank("ordinal", descending=True) <= 2,
    "alternate_address": pl.col("address_kind") == "alternate",
    "foreign": pl.col("state") == "ZZ",
    "massachusetts": pl.col("state") == "MA",
    "puerto_rico": pl.col("state") == "PR",
    "leak_address": pl.col("address_source") == "LEAK",
    "large_print": pl.col("alt_format") == "large_print",
    "state_form": pl.col("form") != "",
    "minor": pl.col("base") == "MINOR",
    "deceased": pl.col("base") == "DECEASED",
    "representative": pl.col("base") == "PERSREP",
    "uncertain": pl.col("variant").str.starts_with("POSSIBLE_"),
}
"""Strata of a pack: at most two letters of each come first, and the index names which page shows what."""
_RANKED = {"longest_name"}
"""Strata that compare the letters of a version with each other."""


def proof_pack(workspace: Workspace, settings: LettersSettings) -> list[Path]:
    """Write `out/letters/proofs/<version>.pdf` for every version in use, their index, and `out/letters/lint.json`.

    `proofs/index.csv` tells by ids which page shows which stratum. Gives the packs' paths. Raises CheckFailed
    where the lint finds an error.
    """
    wording, problems = checked_wording(settings)
    check_return_addresses(
        workspace.read("entities", ["entity_id", "return_address"]), settings.letters
    )
    report = {
        "schema": "affected.lint/1",
        "problems": problems,
        "readability": readings(settings, wording),
    }
    workspace.put_output("letters/lint.json", json.dumps(report, indent=1).encode(), personal=False)
    chosen = proofs(workspace, settings, wording)
    paths: list[Path] = []
    if chosen.is_empty():
        return paths
    rows = merged(workspace, settings, wording, _notices(workspace, chosen))
    index: list[dict[str, Any]] = []
    for (version,), pack in sorted(rows.group_by("letter_version")):
        ordered = pack.sort("notice_id")
        pdf, pages = _render(workspace, settings, wording, ordered)
        paths.append(workspace.put_output(f"letters/proofs/{version}.pdf", pdf, personal=True))
        index += _index(str(version), ordered, pages, chosen)
    table = pl.DataFrame(index).write_csv(quote_style="always")
    workspace.put_output("letters/proofs/index.csv", table.encode(), personal=False)
    format_list(workspace, settings, wording)
    write_insert(workspace, settings)
    return paths


def _index(
    version: str, pack: pl.DataFrame, pages: list[int], chosen: pl.DataFrame
) -> Iterator[dict[str, Any]]:
    """Rows of the index: ids and strata, never a name."""
    strata = dict(chosen.select("notice_id", "strata").iter_rows())
    first = 1
    for notice, count in zip(pack["notice_id"], pages, strict=True):
        yield {
            "file": f"{version}.pdf",
            "first_page": first,
            "pages": count,
            "notice_id": notice,
            "strata": strata[notice],
        }
        first += count


def letter(
    workspace: Workspace, settings: LettersSettings, *, person_id: str, entity_id: str
) -> bytes:
    """The letter of one person on behalf of one entity, as it would be mailed.

    Raises OperatorError where no notice with an address is planned for them.
    """
    found = workspace.scan("notices").filter(
        pl.col("person_id") == person_id, pl.col("address_member").is_not_null()
    )
    notices = found.filter(entity_id=entity_id).collect() if entity_id else found.collect()
    if notices.is_empty():
        raise OperatorError(f"person {person_id}: no letter planned here; see `affected explain`")
    wording, _ = checked_wording(settings)
    rows = merged(workspace, settings, wording, notices.sort("notice_id").head(1))
    size = LARGE_PT if rows["alt_format"][0] == LARGE_PRINT else SIZE_PT
    return _render(workspace, settings, wording, rows, size_pt=size)[0]


def letters_digest(workspace: Workspace, settings: LettersSettings) -> str:
    """What an approval of the letters speaks of: layout, texts, what is said of the incident, lint, proofs."""
    wording = load_wording(settings.letters)
    said = {
        "texts": settings.letters_sha256,
        "incident": settings.incident.model_dump(mode="json", exclude={"as_of"}),
        "sender": settings.business_associate.model_dump(mode="json"),
        "wording": [
            settings.counsel.massachusetts_wording,
            settings.counsel.unreviewed_state_texts,
            settings.mailing.qr_address,
        ],
        "lint": lint(settings, wording),
        "proofs": proofs(workspace, settings, wording)["notice_id"].to_list(),
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def checked_wording(settings: LettersSettings) -> tuple[Wording, list[dict[str, str]]]:
    """The texts and their warnings. Raises CheckFailed naming the first error and how many there are."""
    wording = load_wording(settings.letters)
    problems = lint(settings, wording)
    errors = [problem for problem in problems if problem["severity"] == "error"]
    if errors:
        first = errors[0]
        raise CheckFailed(
            f"letters: {len(errors)} problems, first {first['letter']}: {first['problem']};"
            f" correct {settings.letters / 'individual'}"
        )
    return wording, problems


def proofs(workspace: Workspace, settings: LettersSettings, wording: Wording) -> pl.DataFrame:
    """`notice_id, strata` of the letters to prove, at most ten a version, sorted.

    Told people stay in the choice, so that handing over a batch does not reopen the gate.
    """
    shown = pl.col("channel").is_in(["mail", "waiting_ce"]) | pl.col("reason").str.starts_with(
        "already_told"
    )
    languages = {wanted: wording.language(wanted) for wanted in _languages(workspace)}
    forms = wording.forms(massachusetts=settings.counsel.massachusetts_wording)
    plain = workspace.scan("notices").filter(shown, pl.col("address_member").is_not_null())
    rows = plain.select(
        "notice_id", "variant", "longest_line", "address_kind", "address_source", "state", "alt_format",
        language=pl.col("language").replace_strict(languages, return_dtype=pl.String),
        form=pl.col("state").replace_strict(forms, default="", return_dtype=pl.String),
        base=pl.col("variant").str.extract("([A-Z]+)$"),
    )  # fmt: skip
    return _ranked(rows.sort("notice_id").collect(engine="streaming"))


def _languages(workspace: Workspace) -> list[str]:
    languages = workspace.scan("notices").select(pl.col("language").unique()).collect()
    return sorted(languages["language"])


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    """At most two of each stratum, then the lowest ids, ten in all for each version."""
    by = ["language", "variant", "form"]
    flags = [
        (test.over(by) if name in _RANKED else test).fill_null(value=False).alias(name)
        for name, test in _STRATA.items()
    ]
    flagged = rows.with_columns(flags)
    first = [
        flagged.filter(pl.col(name))
        .group_by(by, maintain_order=True)
        .head(2)
        .with_columns(turn=pl.lit(turn))
        for turn, name in enumerate(_STRATA)
    ]
    lot = flagged.group_by(by, maintain_order=True).head(PROOFS)
    lot = lot.with_columns(turn=pl.lit(len(first)))
    ordered = pl.concat([*first, lot]).unique("notice_id", keep="first", maintain_order=True)
    chosen = ordered.sort(*by, "turn", "notice_id").group_by(by, maintain_order=True).head(PROOFS)
    named = [pl.when(pl.col(name)).then(pl.lit(name)) for name in _STRATA]
    strata = pl.concat_str(named, separator="|", ignore_nulls=True)
    return chosen.select("notice_id", strata=strata).sort("notice_id")


def _notices(workspace: Workspace, chosen: pl.DataFrame) -> pl.DataFrame:
    return (
        workspace.scan("notices")
        .join(chosen.lazy(), on="notice_id", how="semi")
        .sort("notice_id")
        .collect()
    )


def _render(
    workspace: Workspace,
    settings: LettersSettings,
    wording: Wording,
    rows: pl.DataFrame,
    *,
    size_pt: float = SIZE_PT,
) -> tuple[bytes, list[int]]:
    """One PDF with a letter a row, and the pages of each.

    Raises CheckFailed where a letter prints a value of the person's data.
    """
    private = _private(workspace, rows)
    letters: list[dict[str, Any]] = []
    for row in rows.iter_rows(named=True):
        data = letter_data(row, settings, wording)
        if says_a_value(data, private.get(row["notice_id"], ())):
            raise CheckFailed(
                f"letter of notice {row['notice_id']}: prints a value of the record; see the texts"
            )
        letters.append(data)
    return Press(settings, wording, rows["language"][0], size_pt).set(letters)


def _private(workspace: Workspace, rows: pl.DataFrame) -> dict[str, list[str]]:
    """notice_id -> values of its records that no letter may print."""
    members = rows.unpivot(["name_member", "address_member"], index="notice_id").drop_nulls()
    found = members.lazy().select("notice_id", member="value").unique()
    sides = (("leaked_std", "mention_id"), ("charts_std", "chart_id"))
    values = pl.concat(
        workspace.scan(name).select(pl.col(key).alias("member"), *_PRIVATE).join(found, on="member")
        for name, key in sides
    ).collect(engine="streaming")
    long = values.unpivot(list(_PRIVATE), index="notice_id").drop_nulls()
    return dict(long.group_by("notice_id").agg("value").sort("notice_id").iter_rows())
