"""What is not known, said plainly; and by what method the rest was found."""

from __future__ import annotations

from datetime import date

import polars as pl

from matching.store import Workspace
from matching.tables import STEP_TABLES, UNOWNED
from notify.report.owed import DONE
from notify.report.parts import Grid, Section, grid_of, number
from notify.report.people import entity_names, union_row

__all__ = ["doubts", "method"]

LINES_SHOWN = 15
"""Open legal lines on the page; all are in their table."""
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
    return Section(
        anchor="doubt", title="What is uncertain", notes=tuple(notes), grids=_open_lines(workspace)
    )


def _open_lines(workspace: Workspace) -> tuple[Grid, ...]:
    """The least settled legal lines; what to ask is in `open_questions`."""
    if not workspace.has("open_lines"):
        return ()
    lines = workspace.read("open_lines").sort("position")
    if lines.is_empty():
        return ()
    top = lines.head(LINES_SHOWN).join(
        entity_names(workspace), on="entity_id", how="left", maintain_order="left"
    )
    shown = top.with_columns(
        name=pl.coalesce("name", "entity_id"),
        state=pl.coalesce("state", pl.lit("all")),
        chance=(pl.col("chance") * 100).round(0).cast(pl.Int64),
    )
    heads = {
        "name": "covered entity", "state": "state", "at_least": "line", "confirmed": "confirmed",
        "expected": "expected", "upper": "upper", "chance": "reached, %",
    }  # fmt: skip
    caption = (
        f"{number(lines.height)} legal lines could be flipped by pending answers; here the least settled."
        " The questions, in the order to ask: affected table WS open_questions."
    )
    return (grid_of(shown, heads, caption=caption),)


def _about_counts(workspace: Workspace) -> list[str]:
    people = union_row(workspace) if workspace.has("counts") else None
    if people is None:
        return []
    spread = people["upper"] - people["confirmed"]
    return [
        (
            "Intervals follow from the linkage model's probabilities and, for pairs that guards keep apart or that"
            " lie below review, from rehearsals whose truth is known; no reviewed pairs of this incident have"
            " calibrated either yet. Similar fields of one family make such probabilities too sure."
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
        sure = ties.filter(pl.col("status") == "confirmed").select("person_id")
        elsewhere = ties.filter(
            (pl.col("status") == "possible") & (pl.col("basis") == "linked_chart")
        )
        against = _count(elsewhere.join(sure, on="person_id", how="semi"))
        notes.append(
            f"{number(against)} times the rows of a person name one entity, and another one keeps a chart of"
            " the person; the first is confirmed, the second possible."
        )
    if workspace.has("counts"):
        unknown = workspace.scan("counts").filter(
            pl.col("entity_id").is_null() & (pl.col("state") == "UNK")
        )
        total = unknown.select(pl.col("upper").sum()).collect().item()
        notes.append(f"{number(total)} people have no known state of residence.")
    if workspace.has("open_lines") and not workspace.rows("open_lines"):
        notes.append("No pending answer could flip a legal line of 500 people.")
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
    sealed = files.filter(
        (pl.col("format") == "sealed") & (pl.col("secured") != "encrypted_key_safe")
    )
    if sealed.height:
        notes.append(
            f"{number(sealed.height)} encrypted files could not be read and their key is not known to be safe:"
            " whoever stands in them counts only where the incident file presumes it."
        )
    alike = files.filter(pl.col("same_rows_as").is_not_null()).height
    if alike:
        notes.append(
            f"{number(alike)} files hold the same rows as another one in other bytes: equal rows count once."
        )
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
    lead = f"Ages, clocks and days left count from {as_of.isoformat()}. Equal inputs give this page byte for byte, but for the head of the audit log at its end."
    grid = Grid(("table", "rows", "fingerprint"), rows, caption)
    return Section(
        anchor="method", title="Method", lead=lead, notes=METHOD, grids=(grid,) if rows else ()
    )


def _count(frame: pl.LazyFrame) -> int:
    return int(frame.select(pl.len()).collect(engine="streaming").item())
