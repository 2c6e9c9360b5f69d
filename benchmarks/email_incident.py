"""The incident and the server of the e-mail benchmark: a workspace whose plan is one wave, a sink that takes everything."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from matching.store import Workspace
from matching.tables import TABLES

ROOT = Path(__file__).parents[1]
ENTITIES = 40
DOMAINS = 500
BY = "LEAD"
AS_OF = date(2026, 3, 20)
RECORDED_AT = datetime(2026, 3, 21, 12, tzinfo=UTC)
_FILE = 1 << 40
INCIDENT = """
[incident]
id = "email-benchmark"
title = "Made up"
synthetic = true
as_of = 2026-03-20
breach_start = 2025-12-21
breach_end = 2025-12-23
known_on = 2026-03-05
what_happened = "Someone copied files from our computers without permission."
[business_associate]
name = "Northwind Software, Inc."
toll_free = "1-800-555-0100"
email = "incident@northwind.example"
website = "https://northwind.example/incident"
address = ["1 Main St", "Springfield MD 20701"]
[[leaked]]
path = "leaked.csv"
format = "csv"
[leaked.columns]
record_id = "id"
[entities]
path = "entities.csv"
[email]
host = "127.0.0.1"
port = {port}
tls = "tls"
ca_file = "{ca_file}"
from = "notices@northwind.example"
connections = {connections}
[people]
LEAD = ["review", "approve", "send"]
"""


def build(folder: Path, people: int, *, port: int, ca_file: Path, connections: int) -> Path:
    """A workspace with a round whose plan is one wave of e-mails; gives its folder."""
    import notify.batches
    import notify.notices
    from flows import gates, step_settings
    from flows.rounds import Round, open_round, save
    from flows.settings import load_incident

    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "incident.toml"
    file.write_text(INCIDENT.format(port=port, ca_file=ca_file, connections=connections))
    incident = load_incident(file)
    root = folder / "ws"
    workspace, _ = Workspace.create(root, incident_id="email-benchmark", synthetic=True)
    for name, frame in tables(people).items():
        full = TABLES[name].complete(frame)
        if name == "files":
            workspace.append(name, full)
        else:
            workspace.write(name, full)
    save(workspace, Round(1, str(file), incident.dump(), incident.digest, {}, state="finished"))
    notify.notices.run(workspace, step_settings.notices(incident))
    notify.batches.run(workspace, step_settings.batches(incident))
    assert workspace.rows("outbox") == people, workspace.rows("outbox")
    workspace, current = open_round(root)
    gates.approve(workspace, current, "send:EMAIL-1", by=BY)
    return root


def tables(people: int) -> dict[str, pl.DataFrame]:
    """One chart and one leaked row a person, who agreed to e-mail; made-up names and addresses."""
    n = pl.int_range(people, eager=True)
    number = n.cast(pl.String).str.zfill(8)
    person = "P" + number
    entity = "CE" + (n % ENTITIES).cast(pl.String).str.zfill(4)
    first = pl.Series(["JANE", "JOSÉ", "MARY ANN", "LEE"])[(n % 4).to_list()]
    chart, mention = 2 * _FILE + n * 8, _FILE + n * 8
    base = pl.DataFrame({"person_id": person, "entity_id": entity, "row_no": n})
    home = {"street": "12 MAIN ST", "city": "BALTIMORE", "state": "MD", "zip5": "21201"}
    record = pl.DataFrame(
        {"first_name": first, "last_name": "DOE" + (n % 977).cast(pl.String)}
    ).with_columns(
        *(pl.lit(value).alias(name) for name, value in home.items()),
        confidential=pl.lit(value=False),
        deceased=pl.lit(value=False),
    )
    domain = "d" + (n % DOMAINS).cast(pl.String) + ".example"
    charts = record.with_columns(
        chart_id=chart,
        email="p" + number + "@" + domain,
        email_consent_on=date(2025, 1, 2),
        email_consent_scope=pl.lit("notices"),
    )
    raw = record.select("first_name", "last_name")
    kinds = pl.DataFrame({"element": ["name", "contact", "appointment"]})
    where = base.select("person_id", "row_no")
    entities = pl.DataFrame({"entity_id": entity.unique().sort()}).with_columns(
        kind=pl.lit("covered_entity"),
        legal_name="Practice " + pl.col("entity_id"),
        print_name="Bright Smile " + pl.col("entity_id"),
        status=pl.lit("open"),
        agency=pl.lit("undetermined"),
    )
    return {
        "persons": where.select(
            "person_id", merged_group="person_id", affected=pl.lit("confirmed"),
            orphan=pl.lit(value=False), deceased=pl.lit(value=False), language=pl.lit("en"),
            minor_on=pl.lit(date(1998, 2, 3)), first_identified_on=pl.lit(AS_OF),
            mentions=pl.lit(1), charts=pl.lit(1),
        ),
        "ownership": base.select(
            "person_id", "entity_id", status=pl.lit("confirmed"), basis=pl.lit("tenant_id"),
            probability=pl.lit(1.0), kinds=pl.lit(0),
        ),
        "members": pl.concat(
            [
                base.select("person_id", "row_no", mention_id=mention, side=pl.lit("leaked"),
                            entity_id=pl.lit(None, pl.String), record_id="L" + number, file_no=pl.lit(1)),
                base.select("person_id", "row_no", mention_id=chart, side=pl.lit("master"),
                            entity_id="entity_id", record_id="C" + number, file_no=pl.lit(2)),
            ]
        ),
        "leaked_std": record.with_columns(mention_id=mention),
        "charts_std": charts,
        "leaked": raw.with_columns(mention_id=mention, record_id="L" + number, file_no=pl.lit(1), row_no=n, role=pl.lit("patient")),
        "charts": raw.with_columns(chart_id=chart, record_id="C" + number, file_no=pl.lit(2), row_no=n),
        "row_owners": base.select("entity_id", mention_id=mention, status=pl.lit("confirmed"), basis=pl.lit("tenant_id")),
        "elements": base.select("person_id", "entity_id").join(kinds, how="cross"),
        "suppressions": TABLES["suppressions"].empty(),
        "nonidentifying": TABLES["nonidentifying"].empty(),
        "entities": entities,
        "delegation": entities.select("entity_id", duty=pl.lit("individual"), by=pl.lit("ba"), document=pl.lit("made up"), signed_on=pl.lit(AS_OF)),
        "duties": TABLES["duties"].empty(),
        "files": pl.DataFrame({"file_no": [1, 2], "file_sha256": [f"{k:064d}" for k in (1, 2)], "bytes": [1, 1], "recorded_at": [RECORDED_AT] * 2}),
    }  # fmt: skip


# --- the server, in a process of its own ------------------------------------------------------------


def serve_sink(pem: Path, log: Path) -> None:
    """Take everything; one line a message with its Message-ID, written as it is taken."""
    from notify.email.sink import Certificate, serve

    async def main() -> None:
        with log.open("ab", buffering=0) as handle:

            def taken(_mail: bytes, _rcpt: bytes, text: bytes) -> None:
                start = text.find(b"Message-ID: <") + 13
                handle.write(text[start : text.index(b">", start)] + b"\n")

            _, port = await serve(Certificate(pem).server(), taken)
            print(port, flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())


class Served:
    """The server's process; `got` is how many messages it took, `ids` which."""

    def __init__(self, folder: Path) -> None:
        from notify.email.sink import certificate

        self.certificate = certificate(folder)
        self.log = folder / "taken.txt"
        self.log.touch()
        command = [sys.executable, "-m", "benchmarks.email", "--sink", str(self.certificate.pem), str(self.log)]  # fmt: skip
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    @property
    def got(self) -> int:
        """Messages taken so far."""
        return self.log.stat().st_size // len(b"0123456789ABCDEF@northwind.example\n")

    def ids(self) -> list[str]:
        """Whose they were, in the order of coming."""
        return [line.partition("@")[0] for line in self.log.read_text().splitlines()]

    def clear(self) -> None:
        """Forget them."""
        os.truncate(self.log, 0)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
