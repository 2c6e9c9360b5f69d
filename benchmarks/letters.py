"""Pages a second of full rendering: PDF/UA-1 letters with barcode and QR code, as `affected letters --batch` makes them.

    python -m benchmarks.letters [--letters 12000] [--workers 2] [--json]

Made-up pieces of 60 practices, a fifth in Spanish, one in seven with steps against identity theft. What is timed is
`print_batch` from the table `pieces` to files on disk and index, processes' start included. Letters, pages, seconds,
pages a second and peak memory of all processes go to `benchmarks/results/letters.json`.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import date
from pathlib import Path

import polars as pl

from benchmarks.results import record
from flows.measure import PeakMemory
from matching.store import Workspace
from matching.tables import TABLES
from notify.batches.mail_v1 import sealed
from notify.facts import BusinessAssociate, Imb, Incident, Mailing
from notify.letters import LettersSettings, print_batch
from notify.letters.imb import with_serials
from notify.letters.merge import entity_table, worded
from notify.letters.texts import load_wording

BATCH = "BENCHMARK001"
MAIL_ON = date(2026, 4, 1)
SETTINGS = LettersSettings(
    incident=Incident(
        id="benchmark",
        title="Benchmark",
        breach_start=date(2025, 12, 21),
        breach_end=date(2025, 12, 23),
        known_on=date(2026, 3, 5),
        what_happened="On December 21, 2025 somebody copied files from a server without permission.",
    ),
    business_associate=BusinessAssociate(
        name="Northwind Dental Software, Inc.",
        toll_free="1-800-555-0100",
        email="incident@northwind.example",
        website="https://northwind.example/incident",
        address=("1 Main St", "Springfield MD 20701"),
    ),
    mailing=Mailing(
        planned_mail_on=MAIL_ON, imb=Imb(service_type="300", mid="123456", serial_from=1)
    ),
    as_of=date(2026, 3, 20),
)
KINDS = ("name", "contact", "date_of_birth", "appointment", "provider", "insurance")
CREDIT = (*KINDS, "ssn", "bank_account")


def workspace_of(folder: Path, letters: int) -> Workspace:
    """A workspace with the tables that full rendering reads, made by arithmetic: the same every time."""
    workspace, _ = Workspace.create(
        folder / "ws", incident_id="benchmark", synthetic=False, key_file=folder / "key.json"
    )
    entities = [
        {"entity_id": f"CE{n:03d}", "kind": "covered_entity", "legal_name": f"Practice {n}, P.A.",
         "print_name": f"Bright Smile Family Dentistry {n}", "status": "open", "agency": "undetermined",
         "return_address": f"{n + 1} Practice Way, Baltimore MD 21201" if n % 2 else None}
        for n in range(60)
    ]  # fmt: skip
    workspace.write("entities", TABLES["entities"].complete(pl.DataFrame(entities)))
    number = pl.int_range(letters, eager=True)
    pairs = pl.DataFrame(
        {
            "person_id": "P" + number.cast(pl.String).str.zfill(12),
            "entity_id": "CE" + (number * 60 // letters).cast(pl.String).str.zfill(3),
            "elements": [list(CREDIT if n % 7 == 0 else KINDS) for n in range(letters)],
        }
    )
    long = pairs.explode("elements").rename({"elements": "element"})
    elements = long.sort("person_id", "entity_id", "element")
    workspace.write("elements", TABLES["elements"].complete(elements))
    workspace.write("pieces", _pieces(workspace, pairs))
    workspace.write("notices", TABLES["notices"].empty())
    return workspace


def _pieces(workspace: Workspace, pairs: pl.DataFrame) -> pl.DataFrame:
    n = pl.int_range(pl.len())
    text = n.cast(pl.String)
    lines = pairs.select(
        "person_id", "entity_id",
        notice_id="N" + text, wave=pl.lit(1), language=pl.when(n % 5 == 0).then(pl.lit("es")).otherwise(pl.lit("en")),
        variant=pl.when(n % 11 == 0).then(pl.lit("MINOR")).otherwise(pl.lit("ADULT")),
        element_set=pl.col("elements").list.sort().list.join("|"),
        recipient_name="JANE Q PERSON NUMBER " + text, care_of=pl.lit(None, pl.String),
        delivery_line=text + " NORTH CHARLES ST", delivery_line2=pl.when(n % 4 == 0).then("APT " + (n % 90).cast(pl.String)),
        city=pl.lit("BALTIMORE"), state=pl.when(n % 10 == 0).then(pl.lit("CA")).otherwise(pl.lit("MD")),
        zip5=(20000 + n % 2000).cast(pl.String), zip4=(1000 + n % 9000).cast(pl.String), country_iso2=pl.lit("US"),
        intl_line1=pl.lit(None, pl.String), intl_line2=pl.lit(None, pl.String), country_line=pl.lit(None, pl.String),
        address_source=pl.lit("CE_MASTER"), address_kind=pl.lit("home"), alt_format=pl.lit(None, pl.String),
        reference_no=("R" + text.str.zfill(9)), mail_by=pl.lit(MAIL_ON),
    )  # fmt: skip
    wording = load_wording(SETTINGS.letters)
    rows = worded(lines, entity_table(workspace), SETTINGS, wording).sort("person_id")
    assert SETTINGS.mailing.imb
    numbered = with_serials(
        rows.with_columns(
            batch_id=pl.lit(BATCH), seq_no=pl.int_range(1, pl.len() + 1, dtype=pl.Int64),
            mailpiece_id="M" + pl.col("notice_id"), is_seed=pl.lit("N"), mail_class=pl.lit("FCM"),
            endorsement=pl.lit("RSR"),
        ), SETTINGS.mailing.imb, 1,
    )  # fmt: skip
    return sealed(TABLES["pieces"].complete(numbered), workspace.keys.seal_key(BATCH))


def _processor_seconds() -> float:
    """Of this process and of the finished ones it started."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--letters", type=int, default=12_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = workspace_of(Path(folder), options.letters)
        load_before = os.getloadavg()[0]
        began, busy = time.perf_counter(), _processor_seconds()
        with PeakMemory() as memory:
            printed = print_batch(workspace, SETTINGS, BATCH, workers=options.workers)
        seconds, busy = time.perf_counter() - began, _processor_seconds() - busy
        stored = sum(path.stat().st_size for path in printed.folder.iterdir())
    result = {
        "letters": printed.pieces,
        "pages": printed.pages,
        "files": printed.files,
        "workers": options.workers,
        "seconds": round(seconds, 1),
        "processor_seconds": round(busy, 1),
        "processor_ms_per_page": round(busy * 1000 / printed.pages, 2),
        "pages_per_s": round(printed.pages / seconds),
        "letters_per_s": round(printed.pieces / seconds),
        "bytes_per_letter": round(stored / printed.pieces),
        "peak_rss_gib": round(memory.gib, 2),
        "load_before": round(load_before, 1),
        "standard": "PDF/UA-1, Intelligent Mail barcode and QR code on every letter",
    }
    record("letters", result, show=options.json)


if __name__ == "__main__":
    main()
