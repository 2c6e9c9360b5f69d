"""What is not known, said plainly; and by what method the rest was found."""

from __future__ import annotations

from datetime import date

import polars as pl

from matching.store import Workspace
from matching.tables import STEP_TABLES, UNOWNED
from notify.report.owed import DONE
from notify.report.parts import Grid, Section, number
from notify.report.people import union_row

__all__ = ["doubts", "method"]

DIGEST_SHOWN = 16
"""Half of a 64-character digest's quarter: enough to compare by eye."""


def doubts(workspace: Workspace) -> Section:
    """Every uncertainty the numbers carry, each with its size where it is known."""
    notes = [
        *_about_counts(workspace),
        *_about_people(workspace),
        *_about_sources(workspace),
        *_about_law(workspace),
        (
            "People whose records share no blocking key with any other record of theirs are counted apart;"
            " how many there are is not measured by this run."
        ),
    ]
    return Section(anchor="doubt", title="What is uncertain", notes=tuple(notes))


def _about_counts(workspace: Workspace) -> list[str]:
    people = union_row(workspace) if workspace.has("counts") else None
    if people is None:
        return []
    spread = people["upper"] - people["confirmed"]
    return [
        (
            "Intervals are model only: they follow from the linkage model's probabilities, which no reviewed"
            " pairs have calibrated yet. Similar fields of one family make such probabilities too sure."
        ),
        (
            f"Between confirmed and upper lie {number(spread)} people. Notices follow the unmerged people,"
            " duties the upper number: a duplicate letter is preferred to a person who is never told."
        ),
    ]


def _about_people(workspace: Workspace) -> list[str]:
    notes = []
    if workspace.has("persons"):
        possible = _count(workspace.scan("persons").filter(pl.col("affected") == "possible"))
        notes.append(
            f"{number(possible)} people are possible only: no row says for certain that it is theirs."
        )
    if workspace.has("maybe_same"):
        pairs = number(workspace.rows("maybe_same"))
        notes.append(
            f"{pairs} pairs of people may be one person each; both are told until someone decides."
        )
    if workspace.has("ownership"):
        ties = workspace.scan("ownership")
        unowned = _count(ties.filter(pl.col("entity_id") == UNOWNED))
        unsure = _count(
            ties.filter((pl.col("status") == "possible") & (pl.col("entity_id") != UNOWNED))
        )
        notes.append(
            f"{number(unowned)} people have no known covered entity; {number(unsure)} ties of a person to"
            " an entity are possible only. A possible tie discloses nothing that came from the leak alone."
        )
    if workspace.has("counts"):
        unknown = workspace.scan("counts").filter(
            pl.col("entity_id").is_null() & (pl.col("state") == "UNK")
        )
        total = unknown.select(pl.col("upper").sum()).collect().item()
        notes.append(f"{number(total)} people have no known state of residence.")
    return notes


def _about_sources(workspace: Workspace) -> list[str]:
    if not workspace.has("inventory"):
        return []
    files = workspace.read("inventory")
    cut = files.filter(pl.col("final_newline").not_()).height
    unclear = files.filter(pl.col("secured") == "unknown").height
    notes = [
        f"{number(files['rejected'].sum())} rows could not be read; whoever stands in them is not counted."
    ]
    if cut:
        notes.append(
            f"{number(cut)} text files end without a line break: their last row may be cut off."
        )
    if unclear:
        notes.append(
            f"For {number(unclear)} files it is unknown whether they were encrypted; they count as unsecured."
        )
    return notes


def _about_law(workspace: Workspace) -> list[str]:
    if not workspace.has("duties"):
        return []
    standing = workspace.scan("duties").filter(~pl.col("status").is_in(DONE))
    unreviewed = _count(standing.filter(~pl.col("reviewed")))
    undetermined = _count(workspace.scan("entities").filter(pl.col("agency") == "undetermined"))
    notes = []
    if unreviewed:
        notes.append(
            f"{number(unreviewed)} duties come from rules that counsel has not reviewed; they may bring"
            " a plan forward and are not stated as law outside this page."
        )
    return [
        *notes,
        f"For {number(undetermined)} covered entities it is undetermined whether the vendor was their agent.",
        "Nothing here is legal advice: every date is computed from a configured rule and typed-in facts.",
    ]


METHOD = (
    (
        "Delivered files are read under a fixed dialect, everything as text; a row that cannot be read is"
        " kept aside with its place and reason. Rows x roles are mentions: a patient and a guarantor on one"
        " row are two."
    ),
    (
        "Names, dates, addresses, telephone numbers and ids are cleaned by listed rules; placeholders and"
        " values shared by too many people are not used to tell people apart, but are kept for mailing."
    ),
    (
        "Records are compared with a Fellegi-Sunter model (defined and trained with Splink, seeded): each"
        " field's agreement adds bits of evidence, rare values more. Pairs of leaked rows, of leaked rows"
        " and charts, and of charts reached by a leaked row are all compared."
    ),
    (
        "Pairs above the upper threshold join records to one person, unless a guard against relatives says"
        " no. Pairs between the thresholds are never merged unreviewed. A leaked row without any chart is a"
        " person too."
    ),
    (
        "Confirmed counts people as if every review pair were one person, over certain rows and owners only."
        " Upper merges none and takes every possible person. Expected is the posterior mean between them."
    ),
    (
        "Whose patient someone is follows a ladder of evidence, most telling first: account, location,"
        " entity id, chart number, NPI, practice telephone or e-mail domain, practice name with place, then"
        " linked charts. It never guesses: a set stays a set, and nobody is a named answer."
    ),
)


def method(workspace: Workspace, *, as_of: date) -> Section:
    """How the numbers were made, and fingerprints by which another run can be compared."""
    rows = tuple(
        (
            table.name,
            workspace.rows(table.name),
            (workspace.digest(table.name) or "")[:DIGEST_SHOWN],
        )
        for table in STEP_TABLES
        if workspace.has(table.name)
    )
    caption = "Tables this page was made from; equal fingerprints are equal content."
    lead = f"Ages, clocks and days left count from {as_of.isoformat()}. Equal inputs give this page byte for byte."
    grid = Grid(("table", "rows", "fingerprint"), rows, caption)
    return Section(
        anchor="method", title="Method", lead=lead, notes=METHOD, grids=(grid,) if rows else ()
    )


def _count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())
