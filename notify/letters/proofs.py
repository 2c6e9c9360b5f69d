"""Proof packs, single letters, and the digest that an approval of the letters binds.

Ten letters a version with live data, chosen to be the awkward ones: longest name, an alternative
address, abroad, Massachusetts, Puerto Rico, then by lot. The lot is the notice id, which is keyed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import CheckFailed, OperatorError, Workspace
from notify.letters.body import document, letter_data
from notify.letters.lint import lint, says_a_value
from notify.letters.merge import merged
from notify.letters.settings import LettersSettings
from notify.letters.texts import Wording, load_wording
from notify.typeset import render

__all__ = ["PROOFS", "checked_wording", "letter", "letters_digest", "proof_pack"]

PROOFS = 10
"""Letters a version (DOMAIN 5.4)."""
_PRIVATE = ("date_of_birth", "ssn", "mrn", "member_id", "phone", "phone2", "email")
_AWKWARD = {
    "longest_line": pl.col("longest_line").rank("ordinal", descending=True) <= 2,
    "alternate": pl.col("address_kind") == "alternate",
    "abroad": pl.col("state") == "ZZ",
    "massachusetts": pl.col("state") == "MA",
    "puerto_rico": pl.col("state") == "PR",
    "leak_address": pl.col("address_source") == "LEAK",
}
"""Kinds of letters a pack shows first, at most two of each."""


def proof_pack(workspace: Workspace, settings: LettersSettings) -> list[Path]:
    """Write `out/letters/proofs/<version>.pdf` for every version in use, and `out/letters/lint.json`.

    Gives the packs' paths. Raises CheckFailed where the lint finds an error.
    """
    wording, problems = checked_wording(settings)
    report = {"schema": "affected.lint/1", "problems": problems}
    workspace.put_output("letters/lint.json", json.dumps(report, indent=1).encode(), personal=False)
    chosen = proofs(workspace, wording)
    paths: list[Path] = []
    if chosen.is_empty():
        return paths
    rows = merged(workspace, settings, wording, _notices(workspace, chosen))
    for (version,), pack in sorted(rows.group_by("letter_version")):
        pdf = _render(workspace, settings, wording, pack.sort("notice_id"))
        paths.append(workspace.put_output(f"letters/proofs/{version}.pdf", pdf, personal=True))
    return paths


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
    return _render(workspace, settings, wording, rows)


def letters_digest(workspace: Workspace, settings: LettersSettings) -> str:
    """What an approval of the letters speaks of: layout, texts, what is said of the incident, lint, proofs."""
    wording = load_wording(settings.letters)
    said = {
        "texts": settings.letters_sha256,
        "incident": settings.incident.model_dump(mode="json", exclude={"as_of"}),
        "sender": settings.business_associate.model_dump(mode="json"),
        "lint": lint(settings, wording),
        "proofs": proofs(workspace, wording)["notice_id"].to_list(),
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


def proofs(workspace: Workspace, wording: Wording) -> pl.DataFrame:
    """`notice_id` of the letters to prove, at most ten a language and variant, sorted.

    Told people stay in the choice, so that handing over a batch does not reopen the gate.
    """
    shown = pl.col("channel").is_in(["mail", "waiting_ce"]) | pl.col("reason").str.starts_with(
        "already_told"
    )
    languages = {wanted: wording.language(wanted) for wanted in _languages(workspace)}
    plain = workspace.scan("notices").filter(shown, pl.col("address_member").is_not_null())
    rows = plain.select(
        "notice_id", "variant", "longest_line", "address_kind", "address_source", "state",
        language=pl.col("language").replace_strict(languages, return_dtype=pl.String),
    )  # fmt: skip
    return _ranked(rows.sort("notice_id").collect(engine="streaming"))


def _languages(workspace: Workspace) -> list[str]:
    languages = workspace.scan("notices").select(pl.col("language").unique()).collect()
    return sorted(languages["language"])


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    """At most two of each awkward kind, then the lowest ids, ten in all for each letter."""
    by = ["language", "variant"]
    first = [
        rows.filter(test.over(by) if "longest" in kind else test)
        .group_by(by, maintain_order=True)
        .head(2)
        .with_columns(turn=pl.lit(turn))
        for turn, (kind, test) in enumerate(_AWKWARD.items())
    ]
    lot = rows.group_by(by, maintain_order=True).head(PROOFS).with_columns(turn=pl.lit(len(first)))
    ordered = pl.concat([*first, lot]).unique("notice_id", keep="first", maintain_order=True)
    chosen = ordered.sort(*by, "turn", "notice_id").group_by(by, maintain_order=True).head(PROOFS)
    return chosen.select("notice_id").sort("notice_id")


def _notices(workspace: Workspace, chosen: pl.DataFrame) -> pl.DataFrame:
    return (
        workspace.scan("notices")
        .join(chosen.lazy(), on="notice_id", how="semi")
        .sort("notice_id")
        .collect()
    )


def _render(
    workspace: Workspace, settings: LettersSettings, wording: Wording, rows: pl.DataFrame
) -> bytes:
    """One PDF with a letter a row. Raises CheckFailed where a letter prints a value of the person's data."""
    private = _private(workspace, rows)
    letters: list[dict[str, Any]] = []
    for row in rows.iter_rows(named=True):
        data = letter_data(row, settings, wording)
        if says_a_value(data, private.get(row["notice_id"], ())):
            raise CheckFailed(
                f"letter of notice {row['notice_id']}: prints a value of the record; see the texts"
            )
        letters.append(data)
    whole = document(letters, rows["language"][0], settings, wording)
    return render(wording.template, whole, document_date=settings.mail_on)


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
