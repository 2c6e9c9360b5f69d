"""A workspace made by hand, as the steps before `packets` leave it: six practices, eight people."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from matching.store import Workspace
from matching.tables import ELEMENT_KINDS, TABLES
from notify.duties import DutiesSettings
from notify.duties import run as run_duties
from notify.facts import BusinessAssociate, Hold, Incident
from notify.packets import PacketsSettings

CONFIGS = Path(__file__).parents[1] / "configs"
AS_OF = date(2026, 3, 20)
RELEASED_AT = datetime(2026, 3, 20, 12, tzinfo=UTC)
CHARTS_FILE, LEAK_FILE = 0, 1

INCIDENT = Incident(
    id="northwind-2026-03",
    title="Northwind Dental Software",
    synthetic=True,
    as_of=AS_OF,
    breach_start=date(2025, 12, 21),
    breach_end=date(2025, 12, 23),
    known_on=date(2026, 3, 5),
    should_have_known_on=date(2026, 2, 10),
    what_happened=(
        "On December 21, 2025 an unauthorized party copied files from a storage server that holds "
        "appointment records. We closed the access on December 23, 2025."
    ),
)
SENDER = BusinessAssociate(
    name="Northwind Dental Software, Inc.",
    toll_free="1-800-555-0100",
    email="incident@northwind.example",
    website="https://northwind.example/incident",
    address=("1 Main St", "Springfield MD 20701"),
)


def settings(
    *, as_of: date = AS_OF, holds: tuple[Hold, ...] = (), **incident: Any
) -> PacketsSettings:
    return PacketsSettings(
        incident=INCIDENT.model_copy(update=incident), business_associate=SENDER, as_of=as_of,
        holds=holds, letters=CONFIGS / "letters",
    )  # fmt: skip


def chart(row: int) -> int:
    return CHARTS_FILE * 2**40 + row * 8


def mention(row: int) -> int:
    return LEAK_FILE * 2**40 + row * 8


PRACTICES = [
    {"entity_id": "CE1", "legal_name": "Harbor Dental, PC", "print_name": "Harbor Dental",
     "contact_name": "Dana Reyes", "street": "12 Harbor Way", "city": "Annapolis", "state": "MD", "zip": "21401"},
    {"entity_id": "CE2", "legal_name": "Old Mill Smiles LLC", "status": "sold", "successor_id": "CE3"},
    {"entity_id": "CE3", "legal_name": "Mid-Atlantic Dental Group, Inc.", "status": "open",
     "street": "900 Center Blvd", "city": "Reston", "state": "VA", "zip": "20190"},
    {"entity_id": "CE4", "legal_name": "Dr. Ames, DDS", "status": "closed", "custodian": "Archive Co."},
    {"entity_id": "CE5", "legal_name": "Nobody Left PC", "status": "closed"},
    {"entity_id": "CE6", "legal_name": "No Patients PC"},
]  # fmt: skip

# person, entity, status, basis
OWNERSHIP = [
    ("P-ALMA", "CE1", "confirmed", "tenant_id"),  # chart at CE1 and at CE3
    ("P-ALMA", "CE3", "possible", "linked_chart"),
    ("P-BEN", "CE1", "confirmed", "tenant_id"),  # an orphan: only a leaked row
    ("P-CORA", "CE1", "possible", "name"),  # no chart at CE1: a count and a question
    ("P-DOV", "CE1", "confirmed", "location_id"),  # chart at CE3 only, a leaked row here
    ("P-DOV", "CE3", "possible", "linked_chart"),
    ("P-EVE", "CE2", "confirmed", "tenant_id"),
    ("P-FAY", "CE4", "confirmed", "tenant_id"),
    ("P-GUS", "CE5", "confirmed", "tenant_id"),
    ("P-HAL", "UNOWNED", "confirmed", "none"),
]

# id, person, entity, first, last, dob, street, mrn, deceased, last visit
CHARTS = [
    (
        chart(0),
        "P-ALMA",
        "CE1",
        "Alma",
        "Nuñez",
        "1980-02-03",
        "1 ELM ST",
        "A-001",
        False,
        date(2020, 1, 1),
    ),
    (
        chart(1),
        "P-ALMA",
        "CE1",
        "Alma",
        "Nuñez",
        "1980-02-03",
        "2 ELM ST",
        "A-777",
        False,
        date(2024, 1, 1),
    ),
    (
        chart(2),
        "P-ALMA",
        "CE3",
        "Alma Maria",
        "Lopez",
        "1980-02-03",
        "9 SECRET RD",
        "Z-9",
        True,
        None,
    ),
    (chart(3), "P-DOV", "CE3", "Dov", "Katz", "2012-05-06", "9 SECRET RD", "Z-10", False, None),
]
# id, person, entity (owner), first, last, dob, street, mrn
ROWS = [
    (mention(0), "P-ALMA", "CE1", "ALMA", "NUNEZ", "1980-02-03", "1 OAK ST", None),
    (mention(1), "P-BEN", "CE1", "=Ben", "O'Hara", "2010-07-08", "3 ELM ST", "B-002"),
    (mention(2), "P-CORA", "CE1", "Cora", "Leakonly", "1990-01-01", "4 ELM ST", None),
    (mention(3), "P-DOV", "CE1", "Dov", "Katz", None, "5 ELM ST", None),
    (mention(4), "P-EVE", "CE2", "Eve", "Moss", "1970-01-01", "6 ELM ST", None),
    (mention(5), "P-FAY", "CE4", "Fay", "Noor", "1971-01-01", "7 ELM ST", None),
    (mention(6), "P-GUS", "CE5", "Gus", "Orr", "1972-01-01", "8 ELM ST", None),
    (mention(7), "P-HAL", "UNOWNED", "Hal", "Poe", "1973-01-01", "9 ELM ST", None),
]


def workspace_of(tmp_path: Path, *, synthetic: bool = True) -> Workspace:
    tmp_path.mkdir(exist_ok=True)
    workspace = Workspace.create(
        tmp_path / "ws", incident_id="t", synthetic=synthetic, key_file=tmp_path / "key.json"
    )[0]
    fill(workspace)
    return workspace


def fill(workspace: Workspace) -> None:
    put(workspace, "entities", pl.DataFrame(
        [{"kind": "covered_entity", "agency": "undetermined", "status": "open", "print_name": p["legal_name"]} | p
         for p in PRACTICES], infer_schema_length=None))  # fmt: skip
    _people(workspace)
    _records(workspace)
    put(
        workspace,
        "delegation",
        pl.DataFrame(
            [
                {
                    "entity_id": "CE1",
                    "duty": "individual",
                    "by": "ba",
                    "document": "D-7",
                    "signed_on": date(2026, 3, 1),
                }
            ]
        ),
    )
    put(workspace, "counts", _counts())
    files = pl.DataFrame({"file_no": [CHARTS_FILE, LEAK_FILE], "file_sha256": ["aa", "bb"], "bytes": 1,
                          "recorded_at": RELEASED_AT})  # fmt: skip
    if not workspace.has("files"):
        workspace.append("files", TABLES["files"].complete(files))
    run_duties(
        workspace,
        DutiesSettings(incident=INCIDENT, as_of=AS_OF, jurisdictions=CONFIGS / "jurisdictions"),
    )


def put(workspace: Workspace, name: str, frame: pl.DataFrame) -> None:
    workspace.write(name, TABLES[name].complete(frame))


def with_kinds(ownership: pl.DataFrame, elements: pl.DataFrame) -> pl.DataFrame:
    """Ownership with `kinds` as its elements say."""
    bits = {kind: 1 << place for place, kind in enumerate(ELEMENT_KINDS)}
    bit = pl.col("element").replace_strict(bits, return_dtype=pl.Int32)
    at = ["person_id", "entity_id"]
    sets = elements.group_by(at).agg(kinds=bit.sum())
    met = ownership.drop("kinds", strict=False).join(sets, on=at, how="left", maintain_order="left")
    return met.with_columns(pl.col("kinds").fill_null(0))


def without(workspace: Workspace, element: str) -> None:
    """Nobody's data is of this kind any more."""
    kept = workspace.read("elements").filter(pl.col("element") != element)
    workspace.write("elements", kept)
    put(workspace, "ownership", with_kinds(workspace.read("ownership"), kept))


def _people(workspace: Workspace) -> None:
    ids = sorted({person for person, *_ in OWNERSHIP})
    charted = {person for _, person, *_ in CHARTS}
    put(workspace, "persons", pl.DataFrame(
        [{"person_id": p, "affected": "confirmed", "orphan": p not in charted, "deceased": p == "P-ALMA",
          "language": "en", "first_identified_on": AS_OF, "mentions": 1, "charts": 0, "merged_group": p}
         for p in ids]))  # fmt: skip
    schema = ["person_id", "entity_id", "status", "basis"]
    ownership = pl.DataFrame(OWNERSHIP, schema=schema, orient="row").with_columns(
        probability=0.9, kinds=0
    )
    put(workspace, "ownership", ownership)
    elements = [{"person_id": p, "entity_id": e, "element": kind}
                for p, e, status, _ in OWNERSHIP if status == "confirmed"
                for kind in ("name", "appointment", *(["ssn"] if p == "P-BEN" else []))]  # fmt: skip
    put(workspace, "elements", pl.DataFrame(elements))
    put(workspace, "ownership", with_kinds(ownership, workspace.read("elements")))
    owners = [{"mention_id": row[0], "entity_id": row[2], "basis": "tenant_id",
               "status": "possible" if row[1] == "P-CORA" else "confirmed"} for row in ROWS]  # fmt: skip
    put(workspace, "row_owners", pl.DataFrame(owners))


def _records(workspace: Workspace) -> None:
    members, raw, std = [], {"charts": [], "leaked": []}, {"charts": [], "leaked": []}
    for number, (id_, person, entity, first, last, dob, street, mrn, deceased, seen) in enumerate(
        CHARTS
    ):
        at = {"record_id": f"0:{number}", "file_no": CHARTS_FILE, "row_no": number}
        members.append(
            {"person_id": person, "mention_id": id_, "side": "master", "entity_id": entity} | at
        )
        raw["charts"].append(
            {
                "chart_id": id_,
                "entity_id": entity,
                "first_name": first,
                "last_name": last,
                "mrn": mrn,
            }
            | at
        )
        std["charts"].append({"chart_id": id_, "date_of_birth": dob, "street": street, "zip5": "21401", "state": "MD",
                              "deceased": deceased, "last_visit_on": seen, "confidential": False})  # fmt: skip
    for number, (id_, person, _, first, last, dob, street, mrn) in enumerate(ROWS):
        at = {"record_id": f"1:{number}", "file_no": LEAK_FILE, "row_no": number}
        members.append({"person_id": person, "mention_id": id_, "side": "leaked"} | at)
        raw["leaked"].append(
            {
                "mention_id": id_,
                "role": "patient",
                "first_name": first,
                "last_name": last,
                "mrn": mrn,
            }
            | at
        )
        std["leaked"].append({"mention_id": id_, "date_of_birth": dob, "street": street, "zip5": "21402", "state": "MD",
                              "zip4": "0001", "deceased": False, "confidential": False})  # fmt: skip
    put(workspace, "members", pl.DataFrame(members, infer_schema_length=None))
    for name in ("charts", "leaked"):
        put(workspace, name, pl.DataFrame(raw[name], infer_schema_length=None))
        put(workspace, f"{name}_std", pl.DataFrame(std[name], infer_schema_length=None))


def _counts() -> pl.DataFrame:
    totals = {"CE1": (3, 4), "CE2": (1, 1), "CE3": (0, 2), "CE4": (1, 1), "CE5": (1, 1)}
    rows = []
    for entity, (confirmed, upper) in totals.items():
        for state in ("MD", None):
            expected = (confirmed + upper) / 2
            rows.append({"entity_id": entity, "state": state, "confirmed": confirmed, "expected": expected,
                         "expected_low": expected, "expected_high": expected, "upper": upper})  # fmt: skip
    return pl.DataFrame(rows)
