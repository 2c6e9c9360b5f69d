"""The command line. Documents go to stdout, everything said on the way to stderr.

Heavy libraries are imported inside the commands: `affected --help` answers at once. Longer than a
module should be because it is one list of declarations: what a command does lies in its own module.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import resource
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from flows.system import told_by_system
from matching.errors import CheckFailed, OperatorError, UsageError
from matching.log import forget_said

__all__ = ["answered", "app", "leave", "main"]

app = typer.Typer(
    help="After a health-data breach: who is affected, whose patients they are, what is owed, and the notices.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ProfileName = Literal["dental", "clinic", "late"]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
WorkspacePath = Annotated[
    Path, typer.Argument(help="Workspace of the incident.", show_default=False)
]
IncidentPath = Annotated[Path, typer.Argument(help="Incident file (TOML).", show_default=False)]


def main() -> NoReturn:
    """Run the command and end the process."""
    leave(answered())


def answered() -> int:
    """Run the command of `sys.argv`; gives its exit code. Operators' errors become one line."""
    os.umask(0o077)  # everything this process writes is its owner's alone
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash leaves no picture of rows and keys
    forget_said()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    logging.getLogger("affected").setLevel(logging.INFO if sys.stderr.isatty() else logging.WARNING)
    try:
        app()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    except OperatorError as error:
        print(f"affected: {error}", file=sys.stderr)  # noqa: T201 - the one line an operator reads
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - our bug: where it happened, without its message
        told = told_by_system(error)
        if told is None:
            _tell_bug(error)
            return 1
        print(f"affected: {told}", file=sys.stderr)  # noqa: T201
        return told.exit_code
    return 0


def _tell_bug(error: Exception) -> None:
    """Type and place. Messages may hold a person's data; only those known not to are shown."""
    shown = f": {error}" if type(error).__name__ in {"StepFailed", "ModuleNotFoundError"} else ""
    print(f"affected: internal error {type(error).__name__}{shown}", file=sys.stderr)  # noqa: T201
    for frame in traceback.extract_tb(error.__traceback__):
        print(f"  {frame.filename}:{frame.lineno} {frame.name}", file=sys.stderr)  # noqa: T201


def leave(code: int) -> NoReturn:
    """End the process with this code, at once where DuckDB was used.

    Its binding prints a page about leaks when the interpreter shuts down while threads or frames still
    hold its objects; exit functions (the embedded server's stop) still run.
    """
    if "duckdb" in sys.modules:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _show(
    document: dict[str, Any], *, as_json: bool, text: Callable[[dict[str, Any]], str]
) -> None:
    if as_json:
        typer.echo(json.dumps(document, indent=1, default=str))
    else:
        typer.echo(text(document))


def _say(line: str) -> None:
    typer.echo(line, err=True)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where the incident file goes.")],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Files, folders, globs, archives.", show_default=False
        ),
    ],
    masters: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Patient master files; may be repeated.", show_default=False
        ),
    ] = None,
    entities: Annotated[
        Path | None, typer.Option(help="The roster, entities.csv.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Profile delivered files, propose what each column means, write an incident file to complete.

    Example: affected init northwind leak/ --masters 'masters/*.parquet' --entities entities.csv
    """
    from flows.init import init_incident, init_text

    document = init_incident(folder, files, masters=masters or (), roster=entities)
    _show(document, as_json=as_json, text=init_text)


@app.command()
def check(incident: IncidentPath, as_json: AsJson = False) -> None:
    """Validate an incident, name every problem at once, forecast disk and memory.

    Example: affected check northwind/incident.toml
    """
    from flows.check import check_incident
    from flows.show import check_text

    document = check_incident(incident)
    if document["problems"] and not as_json:
        raise OperatorError("\n".join(document["problems"]))
    _show(document, as_json=as_json, text=check_text)
    if document["problems"]:
        raise typer.Exit(OperatorError.exit_code)


@app.command()
def run(
    incident: IncidentPath,
    workspace: Annotated[
        Path | None,
        typer.Option(help="Default: the incident's id, beside its file.", show_default=False),
    ] = None,
    until: Annotated[str, typer.Option(help="Stop after this step.")] = "",
    engine: Annotated[str, typer.Option(help="prefect or local.")] = "prefect",
    workers: Annotated[
        int, typer.Option(min=1, help="Threads; default all cores.")
    ] = os.cpu_count() or 1,
    scheduler: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="tls:// address of a Dask scheduler whose workers link; see docs/cluster.md.",
        ),
    ] = "",
    shared: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder that these workers see, too; needed with --scheduler.",
            show_default=False,
        ),
    ] = None,
    memory_gib: Annotated[float, typer.Option(min=1, help="Bound on the memory of joins.")] = 6.0,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The round's today.", show_default=False),
    ] = None,
    approve_all: Annotated[
        str,
        typer.Option(metavar="NAME", help="Approve every gate as NAME; synthetic incidents only."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Run one round, or resume the last one: from delivered files to what can be told today.

    Example: affected run northwind/incident.toml --workspace northwind/ws
    """
    _limits(workers, memory_gib)
    _cluster(scheduler, shared)
    from flows.run import run_round
    from flows.show import run_text

    document = run_round(
        incident,
        workspace=workspace,
        until=until,
        engine=engine,
        as_of=as_of.date() if as_of else None,
        approve_as=approve_all,
    )
    if "key_file_made" in document:
        _say(f"key file made: {document['key_file_made']} (keep a copy away from this machine)")
    _show(document, as_json=as_json, text=run_text)
    if document["stopped_at"]:
        _say(f"affected: {document['needs']}")
        raise typer.Exit(5)


def _limits(workers: int, memory_gib: float) -> None:
    """Worker count and memory reach the steps by environment: they never change results."""
    os.environ["AFFECTED_WORKERS"] = str(workers)
    os.environ["AFFECTED_MEMORY_GIB"] = str(memory_gib)
    os.environ.setdefault("POLARS_MAX_THREADS", str(workers))


def _cluster(scheduler: str, shared: Path | None) -> None:
    """The cluster reaches the link step as the limits do."""
    if bool(scheduler) != (shared is not None):
        raise UsageError("--scheduler and --shared belong together; give both or none")
    os.environ["AFFECTED_SCHEDULER"] = scheduler
    os.environ["AFFECTED_SHARED"] = str(shared or "")


@app.command()
def status(
    workspace: WorkspacePath,
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Also what was done from this day on.", show_default=False
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="A statement for a regulator: progress, coverage, error rates, method.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Steps, gates, clocks (days left or overdue), what waits for whom, content digests; a progress report.

    Example: affected status northwind/ws

    Example: affected status northwind/ws --since 2026-04-01 --out progress-april.html
    """
    from flows.show import status_text
    from flows.status import status as read
    from flows.status import write_statement

    day = since.date() if since else None
    document = read(workspace, since=day)
    if out is not None:
        document["statement"] = str(write_statement(workspace, out, since=day))
    _show(document, as_json=as_json, text=status_text)


@app.command()
def approve(
    workspace: WorkspacePath,
    gate: Annotated[
        str, typer.Argument(help="thresholds, owners, letters, send:BATCH or send:EMAIL-WAVE.")
    ],
    by: Annotated[str, typer.Option(help="Who approves, as named in [people].")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Approve what a gate guards as it is now; a change closes it again.

    Example: affected approve northwind/ws owners --by "R. Vance" --note "read the ownership page"
    """
    from flows.gates import approve as record
    from flows.gates import gate_state
    from flows.rounds import open_round
    from flows.show import approve_text

    opened, current = open_round(workspace)
    digest = record(opened, current, gate, by=by, note=note)
    state = gate_state(opened, current, gate)
    document = {
        "schema": "affected.approve/1",
        "gate": gate,
        "by": by,
        "subject": digest,
        "people_missing": state.missing,
        "may_approve": list(state.may) if state.missing else [],
    }
    _show(document, as_json=as_json, text=approve_text)


@app.command()
def verify(
    workspace: WorkspacePath,
    against: Annotated[
        Path | None,
        typer.Option(help="Another workspace that must hold the same.", show_default=False),
    ] = None,
    printed: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HEAD",
            help="Head of the audit log as printed, 16 digits or more; may be repeated.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the figures that must hold; 0 clean, 4, 6 or 7.

    Example: affected verify northwind/ws --against northwind/second-run
    """
    from flows.show import verify_text
    from flows.verify import exit_code
    from flows.verify import verify as measure

    document = measure(workspace, against=against, printed=printed or ())
    _show(document, as_json=as_json, text=verify_text)
    if code := exit_code(document):
        raise typer.Exit(code)


@app.command()
def table(
    workspace: WorkspacePath,
    name: Annotated[str, typer.Argument(help="Table, see docs/tables.md.")],
    out: Annotated[Path, typer.Option(help="FILE.parquet or FILE.csv, written in the clear.")],
    by: Annotated[str, typer.Option(help="Who reads it (audited).")] = "",
    as_json: AsJson = False,
) -> None:
    """Write one table in the clear. The act is audited.

    Example: affected table northwind/ws counts --out counts.csv
    """
    from flows.table import write_table

    document = write_table(workspace, name, out, by=by or _login())
    _show(
        document,
        as_json=as_json,
        text=lambda d: f"{d['rows']} rows written in the clear to {d['out']}",
    )


@app.command()
def evaluate(
    left: Annotated[Path, typer.Option(help="Parquet or CSV with a truth column.")],
    truth: Annotated[str, typer.Option(help="Column that is equal for records of one person.")],
    right: Annotated[
        Path | None, typer.Option(help="Second file; without it left is deduplicated.")
    ] = None,
    columns: Annotated[
        Path | None, typer.Option(help="MAP.toml: canonical field = column.")
    ] = None,
    model: Annotated[str, typer.Option(help="dental, clinic or a JSON file.")] = "",
    as_json: AsJson = False,
) -> None:
    """Link files whose truth is known and judge the result. The truth is never shown to the matcher.

    Example: affected evaluate --left leaked.parquet --right masters.parquet --truth person_id --json
    """
    from flows.show import evaluate_text
    from matching.evaluate import evaluate as judge

    document = judge(left, right, truth=truth, columns=columns, model=_model_path(model))
    document = {"schema": "affected.evaluate/1", **document}
    _show(document, as_json=as_json, text=evaluate_text)


@app.command()
def score(
    pairs: Annotated[
        Path, typer.Argument(help="Parquet or CSV with left_<field> and right_<field>.")
    ],
    out: Annotated[Path, typer.Option(help="Where the scored pairs go.")],
    columns: Annotated[
        Path | None, typer.Option(help="MAP.toml: [columns], or [left] and [right].")
    ] = None,
    model: Annotated[str, typer.Option(help="dental, clinic or a JSON file.")] = "",
    as_json: AsJson = False,
) -> None:
    """Score given pairs: rows in input order, then match_weight, probability, band, reasons.

    Example: affected score pairs.csv --out scored.csv --model dental
    """
    from matching.score import score as score_pairs

    if not out.parent.is_dir():
        raise OperatorError(f"--out {out}: no such folder; make it first")
    result = score_pairs(pairs, out, columns=columns, model=_model_path(model))
    document = {"schema": "affected.score/1", "out": str(out), **(result or {})}
    _show(document, as_json=as_json, text=lambda d: f"scored pairs written to {d['out']}")


@app.command()
def train(
    incident: IncidentPath,
    out: Annotated[Path, typer.Option(help="MODEL.json; its card goes beside it.")],
    seed: Annotated[int, typer.Option(help="Seed of sampling.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Train a model on an incident's files (Splink EM, seeded) and write its card.

    Example: affected train northwind/incident.toml --out northwind/model.json
    """
    from flows.train import train_on

    document = train_on(incident, out, seed=seed)
    _show(
        document,
        as_json=as_json,
        text=lambda d: f"model written to {d['out']}, card to {d['card']}",
    )


@app.command()
def thresholds(
    workspace: WorkspacePath,
    out: Annotated[
        Path | None, typer.Option(help="Page with curves, FILE.html.", show_default=False)
    ] = None,
    sample: Annotated[
        Path | None,
        typer.Option(help="Pairs to review, FILE.csv for affected decide.", show_default=False),
    ] = None,
    size: Annotated[int, typer.Option(help="How many of them.", min=1)] = 400,
    as_json: AsJson = False,
) -> None:
    """People, review load and expected errors by merge threshold, without any record.

    Example: affected thresholds northwind/ws --out thresholds.html --sample review.csv
    """
    from flows.thresholds import thresholds as measure
    from flows.thresholds import thresholds_text

    document = measure(workspace, out=out, sample=sample, size=size)
    _show(document, as_json=as_json, text=thresholds_text)


@app.command()
def tune(
    workspace: WorkspacePath,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            help="Who gets a link; again for more. Default: all of [people].",
            show_default=False,
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Where it listens on 127.0.0.1; 0: any free port.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Open the workbench: thresholds of the whole incident, review of pairs, practice names, labels.

    Example: affected tune northwind/ws --as "R. Vance"
    """
    from flows.workbench.server import prepare, tune_text

    server = prepare(workspace, names=tuple(names or ()), port=port)
    _show(server.document, as_json=as_json, text=tune_text)
    server.serve()


@app.command()
def explain(
    workspace: WorkspacePath,
    first: Annotated[str, typer.Argument(help="person_id, mention_id, chart_id or record_id.")],
    second: Annotated[
        str, typer.Argument(help="Another record: the two are explained as a pair.")
    ] = "",
    bundle: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.zip",
            help="A person's evidence as one zip, in the clear; needs the right `reveal`.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[str, typer.Option(help="Who asks; default: who is logged in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say in words and weights why two records are one person or not, without their values.

    Example: affected explain northwind/ws 1099511627784 2199023255560

    With --bundle: everything that proves one person's notice, in a zip that stands alone.

    Example: affected explain northwind/ws 7K3M9QXW4T2HB5 --bundle evidence.zip --by "R. Vance"
    """
    if bundle is not None:
        from flows.bundle import bundle_text, write_bundle

        if second:
            raise UsageError("explain: --bundle is about one person; leave the second id out")
        written = write_bundle(workspace, first, bundle, by=by or _login())
        _show(written, as_json=as_json, text=bundle_text)
        return
    from flows.explain import explain_text, told

    document = told(workspace, first, second, by=by or _login())
    _show(document, as_json=as_json, text=explain_text)


@app.command()
def lookup(
    workspace: WorkspacePath,
    ref: Annotated[str, typer.Option(help="Reference number of the letter, as read out.")] = "",
    by: Annotated[str, typer.Option(help="Who asks; needs the right `reveal`.")] = "",
    as_json: AsJson = False,
) -> None:
    """For the call centre: is this caller included, and what may be said? Name and date come on standard input.

    A line a caller: full name; date of birth; ZIP. Never on the command line: others would see it there.

    Example: affected lookup northwind/ws --ref M8J00NPR3A --by "Desk 4" < caller.txt
    """
    from flows.lookup import look_up, lookup_text, read_callers

    if sys.stdin.isatty():
        _say("full name; date of birth; ZIP (a line a caller, then Ctrl-D):")
    document = look_up(workspace, read_callers(sys.stdin), reference=ref, by=by or _login())
    _show(document, as_json=as_json, text=lookup_text)


@app.command()
def decide(
    workspace: WorkspacePath,
    file: Annotated[Path, typer.Argument(help="CSV of decisions on pairs.")],
    by: Annotated[str, typer.Option(help="Who decided.")],
    as_json: AsJson = False,
) -> None:
    """Take decisions on pairs from a file; the next round honours them.

    Example: affected decide northwind/ws decisions.csv --by "R. Vance"
    """
    from flows.audit import audit
    from flows.gates import check_right
    from flows.rounds import open_round
    from matching.decisions import take

    opened, current = open_round(workspace)
    check_right(current.incident, by, "review")
    taken = take(opened, file, by=by, recorded_at=datetime.now(UTC))
    audit(opened, "decide", by=by, decisions=taken)
    document = {"schema": "affected.decide/1", "decisions": taken}
    _show(
        document,
        as_json=as_json,
        text=lambda d: f"{d['decisions']} decisions taken; run the next round",
    )


@app.command()
def packets(
    workspace: WorkspacePath,
    entity: Annotated[str, typer.Option(help="One covered entity only.")] = "",
    as_json: AsJson = False,
) -> None:
    """Release the covered entities' packets (164.410); unchanged ones are not rewritten.

    Example: affected packets northwind/ws --entity CE017
    """
    from flows.release import release_packets

    document = release_packets(workspace, entity=entity or None)
    _show(
        document,
        as_json=as_json,
        text=lambda d: f"{d['released']} packets released to {d['folder']}",
    )


@app.command()
def responses(
    workspace: WorkspacePath,
    file: Annotated[Path, typer.Argument(help="Filled-in response_form.csv, of one or many.")],
    by: Annotated[str, typer.Option(help="Who takes them in; default: who is logged in.")] = "",
    dated_on: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Day of answers that bear none; default today.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take covered entities' answers from a file; the next round reads them. Twice counts once.

    Example: affected responses northwind/ws CE017-response_form.csv --by "R. Vance"
    """
    from flows.inbox import take_responses

    day = dated_on.date() if dated_on else None
    document = take_responses(workspace, file, by=by or _login(), dated_on=day)
    _show(
        document,
        as_json=as_json,
        text=lambda d: _taken(
            d, f"{d['answers']} answers of {d['entities']} entities taken; run the next round"
        ),
    )


@app.command()
def returns(
    workspace: WorkspacePath,
    files: Annotated[
        list[Path],
        typer.Argument(
            help="ACK, ADDR, PROOF, DROP, UAA, DESTROY (CSV), or bounces.", show_default=False
        ),
    ],
    by: Annotated[str, typer.Option(help="Who takes them in; default: who is logged in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take in what vendor and mail servers sent back; the next round reads it. Twice counts once.

    Each file is taken whole or not at all. Ends with 4 where a piece is in no place afterwards.

    Example: affected returns northwind/ws ACK.csv DROP-0401.csv UAA-0504.csv --by "R. Vance"
    """
    from flows.inbox import take_returns
    from flows.show import returns_text

    document = take_returns(workspace, files, by=by or _login())
    _show(document, as_json=as_json, text=returns_text)
    if document["ledger_identities"]:
        raise typer.Exit(CheckFailed.exit_code)


@app.command()
def record(
    workspace: WorkspacePath,
    file: Annotated[
        Path,
        typer.Argument(help="TOML or JSON: hold, filing, acknowledgement, risk, withdrawal."),
    ],
    by: Annotated[str, typer.Option(help="Who records it; default: who is logged in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Record facts that people type; the next round reads them. Twice counts once.

    Example: affected record northwind/ws hold-of-march-10.toml --by "R. Vance"
    """
    from flows.inbox import record_facts

    document = record_facts(workspace, file, by=by or _login())
    _show(
        document,
        as_json=as_json,
        text=lambda d: _taken(d, "recorded: " + ", ".join(d["facts"])),
    )


@app.command()
def filings(
    workspace: WorkspacePath,
    entity: Annotated[str, typer.Option(help="Filings of one covered entity only.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write what regulators, bureaus, media and public are owed, the roster and the risk assessment.

    Example: affected filings northwind/ws
    """
    from flows.release import release_filings
    from flows.show import filings_text

    _show(release_filings(workspace, entity=entity or None), as_json=as_json, text=filings_text)


@app.command()
def letters(
    workspace: WorkspacePath,
    person: Annotated[
        str, typer.Option(help="One person's letter, with --entity; else proof packs.")
    ] = "",
    entity: Annotated[str, typer.Option(help="The covered entity of that letter.")] = "",
    batch: Annotated[
        str, typer.Option(help="Every letter of this batch, as files for a printer.")
    ] = "",
    piece: Annotated[str, typer.Option(help="One planned piece, by its mailpiece id.")] = "",
    language: Annotated[
        str, typer.Option(help="A table for translators into this language, as vi-US.")
    ] = "",
    translated: Annotated[
        Path | None, typer.Option(help="That table filled: makes the file of the language.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write proof packs, ten letters a version, or a whole batch, or one letter.

    Example: affected letters northwind/ws --batch B2026A7K3M9QX
    """
    from flows.release import translate_letters, write_letters

    if language:
        document = translate_letters(workspace, language=language, table=translated)
    else:
        document = write_letters(workspace, person=person, entity=entity, batch=batch, piece=piece)
    _show(document, as_json=as_json, text=lambda d: "\n".join(d["files"]))


@app.command()
def export(workspace: WorkspacePath, as_json: AsJson = False) -> None:
    """Release approved vendor batches: two-phase, `.done` last, never twice.

    Example: affected approve northwind/ws send:B2026A7K3M9QX --by "R. Vance" && affected export northwind/ws
    """
    from flows.release import export_batches

    document = export_batches(workspace)
    _show(document, as_json=as_json, text=lambda d: f"{d['batches']} batches in {d['folder']}")
    if document["waiting"]:
        _say(f"affected: not approved, not exported: {', '.join(document['waiting'])}")
        raise typer.Exit(5)


@app.command()
def recall(
    workspace: WorkspacePath,
    batch: Annotated[str, typer.Argument(help="Batch to call back.", show_default=False)],
    by: Annotated[str, typer.Option(help="Who decides it; needs the right `send`.")],
    note: Annotated[str, typer.Option(help="Why; goes to the vendor.")] = "",
    as_json: AsJson = False,
) -> None:
    """Call back a batch: what the vendor has not mailed yet is owed again in the next round.

    Example: affected recall northwind/ws 2026A7K3M9QX --by "R. Vance" --note "wrong return address"
    """
    from flows.release import recall_batch

    document = recall_batch(workspace, batch, by=by, note=note)
    _show(
        document,
        as_json=as_json,
        text=lambda d: f"{d['recalled']} pieces recalled, {d['past']} past it; send {d['file']}",
    )


@app.command()
def send(
    workspace: WorkspacePath,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="To a server of this process; nobody gets anything.")
    ] = False,
    stop: Annotated[bool, typer.Option("--stop", help="Stop a sender that runs.")] = False,
    canary: Annotated[
        bool, typer.Option("--canary", help="Only to email.canary: ours, before each wave.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """E-mail the approved waves: each message at most once, whatever breaks on the way.

    Example: affected approve northwind/ws send:EMAIL-1 --by "R. Vance" && affected send northwind/ws
    """
    from flows.send import exit_code, send_text
    from flows.send import send as send_mail

    document = send_mail(workspace, dry_run=dry_run, stop=stop, canary=canary)
    _show(document, as_json=as_json, text=send_text)
    if document["waiting"]:
        _say(f"affected: not approved, not sent: {', '.join(document['waiting'])}")
    if code := exit_code(document):
        raise typer.Exit(code)


@app.command()
def keys(
    workspace: WorkspacePath,
    act: Annotated[str, typer.Argument(help="add, remove or rotate; nothing: list.")] = "",
    name: Annotated[str, typer.Argument(help="Who is added or removed.")] = "",
    recipient: Annotated[str, typer.Option(help="That person's age recipient, age1...")] = "",
    recipient_file: Annotated[
        Path | None, typer.Option(help="File that holds it.", show_default=False)
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(help="File (mode 600) with a passphrase instead.", show_default=False),
    ] = None,
    by: Annotated[str, typer.Option(help="Who does it; default: who is logged in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Who opens the incident's key file; add and remove people, rotate keys. Audited.

    It is opened with AFFECTED_IDENTITY_FILE (age), AFFECTED_PASSPHRASE_FILE, or a passphrase that is asked for.

    Example: affected keys northwind/ws add "R. Vance" --recipient-file vance.age.pub
    """
    from flows.keys import change_keys, keys_text, list_keys

    if act:
        document = change_keys(
            workspace,
            act,
            name,
            by=by or _login(),
            recipient=recipient,
            recipient_file=recipient_file,
            passphrase_file=passphrase_file,
        )
    else:
        document = list_keys(workspace)
    _show(document, as_json=as_json, text=keys_text)


@app.command()
def purge(
    workspace: WorkspacePath,
    scratch: Annotated[bool, typer.Option("--scratch", help="Empty scratch.")] = False,
    leak: Annotated[
        bool, typer.Option("--leak", help="Leaked and working data, when counsel said so.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Everything, six years after the last notice.")
    ] = False,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="Who does it; twice, two people with the right `purge`.", show_default=False
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; stands in the certificate.")] = "",
    leave_untold: Annotated[
        bool, typer.Option("--leave-untold", help="Although not everybody was told yet.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Empty scratch; or make leaked data, or everything, unreadable for ever and certify it.

    Example: affected purge northwind/ws --leak --by "R. Vance" --by "J. Okafor" --reason "counsel, 3 June"
    """
    if scratch + leak + everything != 1:
        raise UsageError("purge: say what, one of --scratch, --leak and --all")
    from flows.purge import empty_scratch, purge_text
    from flows.purge import purge as carry_out

    if scratch:
        document = empty_scratch(workspace)
    else:
        document = carry_out(
            workspace,
            "leak" if leak else "all",
            by=by or (),
            reason=reason,
            leave_untold=leave_untold,
        )
    _show(document, as_json=as_json, text=purge_text)


@app.command()
def rehearse(
    directory: Annotated[Path, typer.Argument(help="New folder for the synthetic incident.")],
    people: Annotated[int, typer.Option(min=200, help="People in the world that is made up.")],
    seed: Annotated[int, typer.Option(help="Another seed, another incident.")] = 1,
    profile: Annotated[ProfileName, typer.Option(help="What kind of vendor lost it.")] = "dental",
    leaked: Annotated[
        int | None, typer.Option(help="Leaked rows, about.", show_default=False)
    ] = None,
    charts: Annotated[int | None, typer.Option(help="Charts, about.", show_default=False)] = None,
    drill: Annotated[bool, typer.Option("--drill", help="With two scripted surprises.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a synthetic incident with its truth, to practise on and to measure with.

    Example: affected rehearse drill-march --people 20000 --seed 7
    """
    from flows.rehearse import rehearse as make

    summary = make(
        directory,
        people=people,
        seed=seed,
        profile=profile,
        leaked=leaked,
        charts=charts,
        drill=drill,
    )
    from dataclasses import asdict

    document = {"schema": "affected.rehearse/1", "directory": str(directory), **asdict(summary)}
    _show(
        document,
        as_json=as_json,
        text=lambda d: f"synthetic incident in {d['directory']}/incident.toml",
    )


@app.command()
def serve(
    workspace: WorkspacePath,
    port: Annotated[int, typer.Option(help="Where it listens on 127.0.0.1; 0: any free one.")] = 0,
    clocks: Annotated[
        str, typer.Option(metavar="CRON", help="When clocks are looked at (UTC).")
    ] = "0 7 * * *",
    as_json: AsJson = False,
) -> None:
    """Prefect's server for this incident: start rounds, take in returns, e-mail when a clock is red.

    Example: affected serve northwind/ws --port 4200
    """
    from flows.serve import serve as serve_incident
    from flows.serve import serve_text

    def told(document: dict[str, Any]) -> None:
        _show(document, as_json=as_json, text=serve_text)
        sys.stdout.flush()

    serve_incident(workspace, port=port, cron=clocks, told=told)


@app.command()
def demo(
    people: Annotated[int, typer.Option(min=200, help="People in the made-up incident.")] = 20_000,
    workspace: Annotated[
        Path, typer.Option(help="Folder for the incident and its workspace.")
    ] = Path("demo"),
    as_json: AsJson = False,
) -> None:
    """Make a synthetic incident, run everything on it, release packets and a batch.

    Example: affected demo --people 20000
    """
    _limits(os.cpu_count() or 1, 6.0)
    from flows.demo import run_demo
    from flows.show import demo_text

    _show(run_demo(workspace, people=people), as_json=as_json, text=demo_text)


def _model_path(model: str) -> Path | None:
    if not model:
        return None
    if model in {"dental", "clinic"}:
        from flows.settings import configs_folder

        return configs_folder() / "models" / f"{model}.json"
    return Path(model)


def _taken(document: dict[str, Any], said: str) -> str:
    return "taken before; nothing added" if document["taken_before"] else said


def _login() -> str:
    import getpass

    return getpass.getuser()
