"""Rows a second of vendor batches: written, sealed, compressed, encrypted.

    python -m benchmarks.batches [--rows 1000000] [--folder DIR] [--json]

Made-up people at made-up addresses, drawn by columns from the rehearsal's lists with a fixed seed, whose lines in
the window are at hand. Measured, each with and without the vendor's key: `files`, from those lines to sealed rows,
mail file, zstd, OpenPGP, signed manifest, on disk; and the two commands themselves, `plan` (the step, which writes
`pieces`) and `export` (which reads them back, checks what was approved and notes every piece). Goes to
`benchmarks/results/batches.json`, with the load of the machine before: others' work counts in seconds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pysequoia

import notify.batches
from benchmarks.results import measured, record
from flows.rehearse.pools import load_pools
from matching.store import Workspace
from matching.tables import TABLES
from notify.batches import BatchesSettings, folder, plan
from notify.batches.release import IN_HAND, _read_once
from notify.facts import BusinessAssociate, Incident, Mailing
from notify.letters.merge import element_sets, entity_table
from notify.letters.proofs import checked_wording
from notify.printed import LIMITS

SEED = 20260320
ENTITIES = 1_500
FOREIGN, SPANISH, SECOND_LINE = 0.002, 0.08, 0.03
"""Shares of letters abroad, in Spanish, and with a unit on a line of its own."""
NOW = datetime(2026, 3, 21, 12, tzinfo=UTC)
DAY = date(2026, 3, 20)
INCIDENT = Incident(
    id="benchmark", title="Benchmark", breach_start=date(2025, 12, 21), breach_end=date(2025, 12, 23),
    known_on=date(2026, 3, 5), what_happened="Someone copied files from our computers without permission.",
)  # fmt: skip
ASSOCIATE = BusinessAssociate(
    name="Northwind Dental Software, Inc.", toll_free="1-800-555-0100",
    email="incident@northwind.example", website="https://northwind.example/incident",
    address=("1 Main St", "Springfield MD 20701"),
)  # fmt: skip
KINDS = (("appointment", "contact", "name"), ("contact", "date_of_birth", "name", "ssn"))


@dataclass(frozen=True, slots=True)
class Made:
    """A workspace with made-up notices, and the printed lines of each."""

    workspace: Workspace
    settings: BatchesSettings
    lines: pl.DataFrame


def lines_of(rows: int) -> pl.DataFrame:
    """Name and address as printed, a row a letter."""
    rng, pools = np.random.default_rng(SEED), load_pools()
    women = rng.random(rows) < 0.5
    first = [names.text.gather(names.draw(rng, rows)) for names in pools.first]
    places = pools.places
    at = rng.integers(0, len(places.zip), rows)
    numbers = pl.Series(rng.integers(1, 9999, rows)).cast(pl.String)
    drawn = pl.DataFrame(
        {
            "women": women, "w": first[0], "m": first[1],
            "name_last": pools.last.text.gather(pools.last.draw(rng, rows)).str.to_uppercase(),
            "street": numbers + " " + pools.streets.gather(rng.integers(0, len(pools.streets), rows)).str.to_uppercase() + " ST",
            "unit": "APT " + pl.Series(rng.integers(1, 400, rows)).cast(pl.String),
            "place": places.city.gather(at).str.to_uppercase(), "in_state": places.state.gather(at), "zip": places.zip.gather(at),
            "foreign": rng.random(rows) < FOREIGN, "second": rng.random(rows) < SECOND_LINE,
        }
    )  # fmt: skip
    abroad, home = pl.col("foreign"), ~pl.col("foreign")
    given = pl.when("women").then("w").otherwise("m").str.to_uppercase()
    known = {
        "recipient_name": given + " " + pl.col("name_last"),
        "name_first": given,
        "name_last": pl.col("name_last"),
        "delivery_line": pl.when(pl.col("second")).then("street").otherwise(pl.col("street") + " " + pl.col("unit")),
        "delivery_line2": pl.when(pl.col("second")).then("unit"),
        "city": pl.when(home).then("place"),
        "state": pl.when(home).then("in_state"),
        "zip5": pl.when(home).then("zip"),
        "country_iso2": pl.when(home).then(pl.lit("US")).otherwise(pl.lit("CA")),
        "intl_line1": pl.when(abroad).then("street"),
        "intl_line2": pl.when(abroad).then("place"),
        "country_line": pl.when(abroad).then(pl.lit("CANADA")),
    }  # fmt: skip
    nothing = pl.lit(None, dtype=pl.String)
    return drawn.select(known.get(name, nothing).alias(name) for name in LIMITS)


def notices_of(rows: int) -> pl.DataFrame:
    """Their notices in the order of mailing."""
    rng = np.random.default_rng(SEED + 1)
    ids = pl.Series("person_id", np.arange(rows)).cast(pl.String).str.zfill(14)
    entities = "CE" + pl.Series(np.sort(rng.integers(0, ENTITIES, rows))).cast(pl.String).str.zfill(
        5
    )
    frame = pl.DataFrame({"person_id": ids, "entity_id": entities}).with_columns(
        notice_id="N" + pl.col("person_id"), wave=pl.lit(1), channel=pl.lit("mail"), reason=pl.lit("x"),
        variant=pl.Series(rng.choice(["ADULT", "MINOR", "POSSIBLE_ADULT"], rows, p=[0.85, 0.1, 0.05])),
        language=pl.Series(rng.choice(["en", "es"], rows, p=[1 - SPANISH, SPANISH])),
        address_source=pl.lit("CE_MASTER"), address_kind=pl.lit("home"),
        address_member=pl.int_range(rows), name_member=pl.int_range(rows),
        reference_no=pl.col("person_id").str.slice(4), mail_by=pl.lit(date(2026, 5, 4)),
    )  # fmt: skip
    return TABLES["notices"].complete(frame)


def made(root: Path, rows: int) -> Made:
    """The workspace of a real incident, with the profile of a vendor who has a key."""
    workspace, _ = Workspace.create(
        root / "ws", incident_id="benchmark", synthetic=False, key_file=root / "key.json"
    )
    mailing = Mailing(planned_mail_on=date(2026, 4, 1))
    settings = BatchesSettings(
        incident=INCIDENT, business_associate=ASSOCIATE, mailing=mailing, as_of=DAY
    )
    notices = notices_of(rows)
    workspace.write("notices", notices)
    half = notices.with_row_index().select("person_id", "entity_id", odd=pl.col("index") % 2 == 1)
    elements = [
        half.filter(pl.col("odd") == bool(number)).with_columns(element=pl.lit(list(kinds)))
        for number, kinds in enumerate(KINDS)
    ]
    every = pl.concat(elements).drop("odd").explode("element")
    workspace.write("elements", TABLES["elements"].complete(every))
    entities = pl.DataFrame({"entity_id": [f"CE{n:05d}" for n in range(ENTITIES)]}).with_columns(
        legal_name=pl.lit("Practice, P.A."), kind=pl.lit("covered_entity"), status=pl.lit("open"),
        agency=pl.lit("undetermined"),
        print_name=pl.lit("Bright Smile Dental ") + pl.col("entity_id").str.slice(2),
    )  # fmt: skip
    workspace.write("entities", TABLES["entities"].complete(entities))
    return Made(workspace, settings, lines_of(rows))


def with_key(made: Made, root: Path) -> BatchesSettings:
    """The same settings with a vendor's key in the profile."""
    vendors = root / "vendors"
    shutil.copytree(made.settings.vendors, vendors)
    certificate = pysequoia.Tsk.generate("Vendor <intake@vendor.example>").extract_certificate()
    (vendors / "house.asc").write_text(str(certificate))
    profile = vendors / "plain.toml"
    pgp = f'\n[openpgp]\nkey = "house.asc"\nfingerprint = "{certificate.fingerprint}"\n'
    profile.write_text(profile.read_text() + pgp)
    return made.settings.model_copy(update={"vendors": vendors})


def files(made: Made, settings: BatchesSettings) -> Callable[[], int]:
    """From lines at hand to the files of every batch, without a table in between."""
    workspace, wording = made.workspace, checked_wording(settings)[0]
    vendor = notify.batches.plan.load_vendor(settings)
    planned = plan.Plan(workspace, settings, vendor, wording, entity_table(workspace), serials={})
    mail = plan._mail(workspace)
    batches = plan._cut(workspace, mail, vendor)
    once = _read_once(workspace, settings, [], NOW)
    once["sets"] = _codes(workspace)
    release = folder.Release(**once, approvals={}, approved_at={}, config_sha256="")
    lines = pl.concat([mail, made.lines], how="horizontal")

    def one(batch: plan.Batch) -> int:
        rows = plan._pieces(planned, batch, lines.slice(batch.start, batch.pieces))
        folder.write_rows(release, {"batch_id": batch.batch_id, "wave": batch.wave}, rows)
        return rows.height

    def run() -> int:
        workspace.drop_outputs("batches")
        with ThreadPoolExecutor(IN_HAND) as pool:
            return sum(pool.map(one, batches))

    return run


def _codes(workspace: Workspace) -> pl.DataFrame:
    from notify.letters.merge import element_code

    kinds = element_sets(workspace.read("elements"))["element_set"].unique().sort().to_list()
    return pl.DataFrame({"code": [element_code(kind) for kind in kinds], "kinds": kinds})


def commands(made: Made, settings: BatchesSettings) -> dict[str, Callable[[], int]]:
    """The step with its window at hand, and the command."""
    workspace = made.workspace

    def step() -> int:
        whole, plan.window = plan.window, lambda _, notices: _beside(made, notices)
        try:
            notify.batches.run(workspace, settings)
        finally:
            plan.window = whole
        return workspace.rows("pieces")

    def export() -> int:
        workspace.drop_outputs("batches")
        workspace.drop("events")
        planned = workspace.read("batches", ["batch_id"])["batch_id"]
        notify.batches.export(workspace, settings, batches=planned, recorded_at=NOW)
        return workspace.rows("pieces")

    return {"plan": step, "export": export}


def _beside(made: Made, notices: pl.DataFrame) -> pl.DataFrame:
    return made.lines[int(notices["name_member"][0]) : int(notices["name_member"][-1]) + 1]


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where the workspace is made; default: scratch")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "rows": options.rows,
        "load_before": round(os.getloadavg()[0], 1),
        "bytes_a_row": 0,
    }
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        root = Path(name)
        small = made(root / "small", 20_000)
        files(small, small.settings)()  # compiles, and warms caches
        ready = made(root, options.rows)
        for label, settings in (("plain", ready.settings), ("encrypted", with_key(ready, root))):
            stages = {"files": files(ready, settings), **commands(ready, settings)}
            result[label] = {name: measured(stage) for name, stage in stages.items()}
        sent = [p.stat().st_size for p in (ready.workspace.out / "batches").rglob("*.zst.pgp")]
        result["bytes_a_row"] = round(sum(sent) / options.rows, 1)
    record("batches", result, show=options.json)


if __name__ == "__main__":
    main()
