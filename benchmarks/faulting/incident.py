"""The incident that is disturbed: made-up people, a relay of this machine, and what people type on the way.

In: a folder and a number of people. Out: `Incident`, whose `commands` go from delivered files to letters handed
over, e-mails sent and answers taken in. Everything is seeded; the same folder gives the same tables.
"""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

__all__ = ["APPROVER", "Incident", "Relay", "commands", "made", "round_call"]

APPROVER = "LEAD"
SEED = 3
_AS_TEXT = 'path = "leak/waitlist.tsv"\nformat = "tsv"\nencoding = "utf-8"\ndelimiter = "\\t"\nquote = "\\""\nheader = true\n'
_AS_BOOK = 'path = "leak/waitlist.xlsx"\nformat = "xlsx"\n'
_FACTS = '[[risk]]\ndecision = "notify"\ndated_on = 2026-01-05\n'


@dataclass(slots=True)
class Relay:
    """An SMTP server in a thread: takes everything, remembers whose it was."""

    port: int = 0
    certificate: Path = Path()
    taken: list[str] = field(default_factory=list)

    @classmethod
    def started(cls, folder: Path) -> Relay:
        """It listens when this returns."""
        from notify.email.sink import certificate, serve

        relay, ready = cls(), threading.Event()
        made = certificate(folder)
        relay.certificate = made.pem

        def take(_mail: bytes, _to: bytes, text: bytes) -> None:
            start = text.find(b"Message-ID: <") + 13
            relay.taken.append(text[start : text.index(b"@", start)].decode())

        async def forever() -> None:
            _, relay.port = await serve(made.server(), take)
            ready.set()
            await asyncio.Event().wait()

        threading.Thread(target=lambda: asyncio.run(forever()), daemon=True).start()
        ready.wait(30)
        return relay


@dataclass(slots=True)
class Incident:
    """Where it lies: `source` is only read; `live` holds workspace and keys and is what is disturbed."""

    folder: Path
    relay: Relay

    @property
    def file(self) -> Path:
        """The incident file."""
        return self.folder / "source" / "incident.toml"

    @property
    def live(self) -> Path:
        """Workspace, keys and temporary files."""
        return self.folder / "live"

    @property
    def workspace(self) -> Path:
        """Its workspace."""
        return self.live / "ws"

    def batches(self) -> list[str]:
        """Batches that the round planned."""
        from flows.rounds import open_round

        return sorted(open_round(self.workspace)[0].read("batches")["batch_id"])

    def use(self) -> None:
        """Keys and temporary files of this process lie below `live`, too."""
        import tempfile

        self.live.mkdir(exist_ok=True)
        os.environ["AFFECTED_KEYS"] = str(self.live / "keys")
        os.environ["TMPDIR"] = str(self.live / "tmp")
        (self.live / "tmp").mkdir(exist_ok=True)
        tempfile.tempdir = None
        tempfile.gettempdir()  # Python tries the folder with a file of four letters: not an operation of ours


def made(folder: Path, people: int) -> Incident:
    """Rehearse an incident with a workbook among its files, and a relay that takes its e-mails."""
    from flows.rehearse import rehearse

    source = folder / "source"
    rehearse(source, people=people, seed=SEED)
    _put_workbook(source)
    relay = Relay.started(folder)
    text = (source / "incident.toml").read_text()
    mail = f'[email]\nhost = "127.0.0.1"\nport = {relay.port}\ntls = "tls"\nca_file = "{relay.certificate}"\n'
    assert _AS_TEXT in text, "the rehearsal says otherwise what its waiting list is"
    text = text.replace(_AS_TEXT, _AS_BOOK).replace("[email]\n", mail)
    (source / "incident.toml").write_text(text + '\n[matching]\ntrain = "never"\n')
    (source / "facts.toml").write_text(_FACTS)
    return Incident(folder, relay)


def _put_workbook(source: Path) -> None:
    """One delivered file as a workbook: reading it starts a process."""
    from notify.packets.xlsx import xlsx

    rows = pl.read_csv(
        source / "leak" / "waitlist.tsv", separator="\t", infer_schema=False,
        truncate_ragged_lines=True, quote_char=None,
    )  # fmt: skip
    (source / "leak" / "waitlist.xlsx").write_bytes(xlsx(rows, sheet="waiting"))


def commands(incident: Incident, batches: list[str]) -> list[tuple[str, list[str]]]:
    """Name and arguments of each call, in order."""
    ws = str(incident.workspace)
    gates = [*(f"send:{batch}" for batch in batches), "send:EMAIL-1"]
    return [
        ("release packets", ["packets", ws]),
        ("release filings", ["filings", ws]),
        ("letters", ["letters", ws]),
        *(
            (f"approve {n}", ["approve", ws, gate, "--by", APPROVER])
            for n, gate in enumerate(gates)
        ),
        ("export", ["export", ws]),
        ("dry run", ["send", ws, "--dry-run"]),
        ("send", ["send", ws]),
        ("record", ["record", ws, str(incident.file.with_name("facts.toml")), "--by", APPROVER]),
        ("recall", ["recall", ws, batches[0], "--by", APPROVER, "--note", "made up"]),
    ]


def round_call(incident: Incident) -> list[str]:
    """`affected run` of the whole round."""
    return [
        "run", str(incident.file), "--workspace", str(incident.workspace), "--engine", "local",
        "--approve-all", APPROVER, "--workers", "2", "--memory-gib", "2",
    ]  # fmt: skip
