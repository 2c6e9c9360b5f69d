"""Full rendering on request: every piece of a planned batch as PDF files for a printer, with an index.

`pieces` come in, which say everything a letter needs but the texts; `out/letters/<batch>/` goes out: files of
`LETTERS_PER_FILE` letters of one language and size of print in the order of `seq_no`, and `index.csv`. Memory: 0.7 MB
a letter of one file for each worker. A file is whole or not there; one that is finished for the same rows, texts and
settings is kept, so that a killed run goes on where it stopped. The bytes do not depend on the number of workers.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import CheckFailed, OperatorError, Workspace, log_counts, sha256_file
from notify.letters.alternatives import LARGE_PRINT, formats_of
from notify.letters.body import LARGE_PT, SIZE_PT, WINDOW_LINES, letter_data
from notify.letters.envelopes import check_return_addresses
from notify.letters.imb import bars
from notify.letters.merge import element_code, element_sets, entity_table
from notify.letters.pages import Press
from notify.letters.proofs import checked_wording
from notify.letters.settings import LettersSettings
from notify.letters.texts import Wording
from notify.typeset import forget

__all__ = ["LETTERS_PER_FILE", "Printed", "print_batch", "print_piece"]

LETTERS_PER_FILE = 1000
"""A print file: 0.7 GB while it is set, 10 MB as PDF."""
_PAIR = ["person_id", "entity_id"]
_SPEAKS_OF_SOMEBODY = r"\b\d{3}-?\d{2}-?\d{4}\b|\S@\S|\b\d{1,2}/\d{1,2}/(?:19|20)?\d{2}\b"
"""SSN, e-mail address or birth date, as nobody's name or street has them; a ZIP+4 stands in a column of its own."""


@dataclass(frozen=True, slots=True)
class Printed:
    """What stands in the folder after a call."""

    folder: Path
    files: int
    kept: int
    """Files that an earlier call had finished."""
    pieces: int
    pages: int
    sheets: int


@dataclass(frozen=True, slots=True)
class Job:
    """One print file."""

    name: str
    language: str
    size_pt: float
    rows: pl.DataFrame


def print_batch(
    workspace: Workspace,
    settings: LettersSettings,
    batch: str,
    *,
    workers: int = 2,
    letters_per_file: int = LETTERS_PER_FILE,
) -> Printed:
    """Write `out/letters/<batch>/<language>-<n>.pdf` and `index.csv`; seeds are printed with the others.

    Raises OperatorError for a batch that is not planned, CheckFailed where texts changed since it was planned
    or a piece would print what looks like somebody's number.
    """
    wording, _ = checked_wording(settings)
    pieces = _pieces(workspace, pl.col("batch_id") == batch)
    if pieces.is_empty():
        raise OperatorError(f"batch {batch}: not planned in this round; see `affected status`")
    rows = _printable(workspace, settings, wording, pieces)
    jobs = list(_jobs(rows, letters_per_file))
    texts = _said(settings)
    wanted = {job.name: _content(job, texts) for job in jobs}
    kept = {job.name for job in jobs if _finished(workspace, batch, job.name, wanted[job.name])}
    _clear(workspace, batch, jobs)
    todo = [job for job in jobs if job.name not in kept]
    for job, pdf, pages in _set_all(todo, settings, wording, workers):
        where = f"letters/{batch}/{job.name}"
        _put(workspace, where, pdf, pages=pages, content=wanted[job.name])
    index = pl.concat(_index(workspace, batch, job) for job in jobs).sort("seq_no")
    assert index.height == pieces.height, "every piece is in one file"
    text = index.write_csv(quote_style="always").encode()
    workspace.put_output(f"letters/{batch}/index.csv", text, personal=False)
    log_counts("letters", files=len(jobs), kept=len(kept), pieces=index.height)
    return Printed(
        workspace.out / "letters" / batch, len(jobs), len(kept), index.height,
        int(index["pages"].sum()), int(index["sheets"].sum()),
    )  # fmt: skip


def print_piece(workspace: Workspace, settings: LettersSettings, mailpiece_id: str) -> bytes:
    """The letter of one planned piece, as in its batch. Raises OperatorError for an unknown id."""
    wording, _ = checked_wording(settings)
    pieces = _pieces(workspace, pl.col("mailpiece_id") == mailpiece_id)
    if pieces.is_empty():
        raise OperatorError(f"piece {mailpiece_id}: not planned in this round")
    (job,) = _jobs(_printable(workspace, settings, wording, pieces), 1)
    return _set(job, settings, wording)[0]


def _pieces(workspace: Workspace, which: pl.Expr) -> pl.DataFrame:
    return workspace.scan("pieces").filter(which).sort("seq_no").collect(engine="streaming")


def _printable(
    workspace: Workspace, settings: LettersSettings, wording: Wording, pieces: pl.DataFrame
) -> pl.DataFrame:
    """Pieces with the set of PHI kinds, the return address, the format and the bars."""
    _check(pieces, wording)
    check_return_addresses(
        workspace.read("entities", ["entity_id", "return_address"]), settings.letters
    )
    codes = _sets(workspace, pieces)
    addresses = entity_table(workspace).select("ce_return_address_code", "return_address").unique(
        "ce_return_address_code", keep="first"
    )  # fmt: skip
    formats = formats_of(workspace, pieces["notice_id"])
    rows = (
        pieces.join(codes, on="element_set_code", how="left", maintain_order="left")
        .join(addresses, on="ce_return_address_code", how="left", maintain_order="left")
        .join(formats, on="notice_id", how="left", maintain_order="left")
        .with_columns(large=(pl.col("alt_format") == LARGE_PRINT).fill_null(value=False))
    )
    assert rows["element_set"].null_count() == 0, "every code is of a set"
    return rows.with_columns(bars=bars(rows, settings.mailing.imb))


def _check(pieces: pl.DataFrame, wording: Wording) -> None:
    used = pieces.select("language", "variant", "letter_sha8").unique()
    for language, variant, sha8 in used.iter_rows():
        known = (language, variant) in wording.versions()
        if not known or wording.letter_sha8(language, variant) != sha8:
            raise CheckFailed("letters: texts changed since the batch was planned; run again")
    printed = pl.concat_str(
        ["recipient_name", "care_of", "delivery_line", "delivery_line2", "city", "intl_line1",
         "intl_line2"], separator=" ", ignore_nulls=True,
    )  # fmt: skip
    found = pieces.filter(printed.str.contains(_SPEAKS_OF_SOMEBODY))
    if found.height:
        raise CheckFailed(
            f"letters: {found.height} pieces, first {found['mailpiece_id'][0]}, print what looks like"
            " a number or e-mail address of somebody; correct the record"
        )


def _sets(workspace: Workspace, pieces: pl.DataFrame) -> pl.DataFrame:
    """`element_set_code, element_set` of the sets of these people."""
    pairs = pieces.select(_PAIR).drop_nulls().unique().lazy()
    elements = workspace.scan("elements").join(pairs, on=_PAIR, how="semi")
    sets = element_sets(elements.sort(*_PAIR, "element").collect(engine="streaming"))
    kinds = sorted({*sets["element_set"], "other"})
    return pl.DataFrame({"element_set_code": map(element_code, kinds), "element_set": kinds})


def _jobs(rows: pl.DataFrame, letters_per_file: int) -> Iterator[Job]:
    """Files in fixed order: by size of print and language, cut after so many letters."""
    for (large, language), group in sorted(rows.group_by("large", "language", maintain_order=True)):
        for number, start in enumerate(range(0, group.height, letters_per_file), start=1):
            name = f"{language}{'-large' if large else ''}-{number:04d}"
            part = group.slice(start, letters_per_file)
            yield Job(name, str(language), LARGE_PT if large else SIZE_PT, part)


def _set_all(
    jobs: list[Job], settings: LettersSettings, wording: Wording, workers: int
) -> Iterator[tuple[Job, bytes, list[int]]]:
    """Set the files, so many at one time, each in a process of its own pool; in the order they finish."""
    if workers < 2 or len(jobs) < 2:
        for job in jobs:
            yield (job, *_set(job, settings, wording))
            forget()
        return
    context = multiprocessing.get_context("spawn")  # threads of polars do not survive a fork
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        running: dict[Future[tuple[bytes, list[int]]], Job] = {}
        waiting = iter(jobs)
        for job in waiting:
            running[pool.submit(_set_and_forget, job, settings, wording)] = job
            if len(running) <= workers:
                continue
            yield from _one_finished(running)
        while running:
            yield from _one_finished(running)


def _one_finished(
    running: dict[Future[tuple[bytes, list[int]]], Job],
) -> Iterator[tuple[Job, bytes, list[int]]]:
    done = next(as_completed(running))
    yield (running.pop(done), *done.result())


def _set_and_forget(
    job: Job, settings: LettersSettings, wording: Wording
) -> tuple[bytes, list[int]]:
    made = _set(job, settings, wording)
    forget()
    return made


def _set(job: Job, settings: LettersSettings, wording: Wording) -> tuple[bytes, list[int]]:
    letters = [
        letter_data(row, settings, wording, bars=row["bars"])
        for row in job.rows.iter_rows(named=True)
    ]
    full = [len(letter["address"]) > WINDOW_LINES for letter in letters]
    if any(full):
        raise CheckFailed(
            f"piece {job.rows['mailpiece_id'][full.index(True)]}: its address has more than"
            f" {WINDOW_LINES} lines, which no window shows; correct the record or suppress it"
        )
    return Press(settings, wording, job.language, job.size_pt).set(letters)


def _said(settings: LettersSettings) -> str:
    """Digest of all that a letter says beside its row."""
    return hashlib.sha256(settings.model_dump_json(exclude={"as_of"}).encode()).hexdigest()


def _content(job: Job, texts: str) -> str:
    """Digest of the rows of a file and of `_said`."""
    total = hashlib.sha256(f"{texts}\x1f{job.size_pt}".encode())
    total.update(job.rows.write_csv().encode())
    return total.hexdigest()


def _put(workspace: Workspace, where: str, pdf: bytes, *, pages: list[int], content: str) -> None:
    """The file first, then its note, which makes it finished."""
    path = workspace.put_output(f"{where}.pdf", pdf, personal=True)
    note = {"content": content, "stored_sha256": sha256_file(path), "pages": pages}
    workspace.put_output(f"{where}.json", json.dumps(note).encode(), personal=False)


def _clear(workspace: Workspace, batch: str, jobs: list[Job]) -> None:
    """Files that an earlier cut of the batch left are no part of it."""
    names = {job.name for job in jobs}
    for path in (workspace.out / "letters" / batch).glob("*.*"):
        if path.name.split(".")[0] not in names:
            workspace.drop_outputs(f"letters/{batch}/{path.name}")


def _note(workspace: Workspace, batch: str, name: str) -> dict[str, Any]:
    name = f"letters/{batch}/{name}.json"
    there = (workspace.out / name).exists()
    note: dict[str, Any] = json.loads(workspace.get_output(name)) if there else {}
    return note


def _finished(workspace: Workspace, batch: str, name: str, content: str) -> bool:
    note = _note(workspace, batch, name)
    stored = list((workspace.out / "letters" / batch).glob(f"{name}.pdf*"))
    return (
        note.get("content") == content
        and len(stored) == 1
        and sha256_file(stored[0]) == note["stored_sha256"]
    )


def _index(workspace: Workspace, batch: str, job: Job) -> pl.DataFrame:
    """`seq_no, mailpiece_id, letter_version, file, first_page, pages, sheets`: two pages a sheet."""
    pages = pl.Series("pages", _note(workspace, batch, job.name)["pages"], dtype=pl.Int64)
    return job.rows.select("seq_no", "mailpiece_id", "letter_version").with_columns(
        file=pl.lit(f"{job.name}.pdf"),
        first_page=pages.cum_sum() - pages + 1,
        pages=pages,
        sheets=(pages + 1) // 2,
    )
