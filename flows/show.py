"""The documents of the commands as a person reads them in a terminal."""

from __future__ import annotations

from typing import Any

__all__ = [
    "approve_text", "check_text", "demo_text", "evaluate_text", "returns_text", "run_text", "status_text", "verify_text",
]  # fmt: skip

Document = dict[str, Any]
ENTITIES_SHOWN = 20
"""As many covered entities and states as fit a screen."""


def check_text(document: Document) -> str:
    """One line: fit to run, and what it will need."""
    need = document["forecast"]
    return (
        f"{document['incident']}: no problems. About {need['rows']:,.0f} rows; needs some"
        f" {need['disk_gib']} GiB of disk ({need['disk_free_gib']} free) and {need['memory_gib']} GiB of memory."
    )


def run_text(document: Document) -> str:
    """Steps with seconds, then the numbers a lead asks for."""
    lines = [
        f"  {step['name']:<12} {'unchanged' if step['skipped'] else format(step['seconds'], '.1f') + ' s':>10}"
        for step in document["steps"]
    ]
    persons, notices = document["persons"], document["notices"]
    delivered = (
        f"leaked rows {document['leaked_rows']:,} ({document['leaked_rejected']:,} unreadable)"
    )
    people = f"{persons['confirmed']:,} confirmed, {persons['expected']:,.0f} expected"
    lines += [
        f"round {document['round']}: {document['seconds']} s, {document['peak_rss_gib']} GiB",
        f"  {delivered}, mentions {document['mentions']:,}, charts {document['charts']:,}",
        f"  people: {people}, {persons['upper']:,} upper; {persons['orphans']:,} without a chart",
        f"  {document['entities_with_persons']:,} covered entities, {document['duties']:,} duties",
        "  notices: " + ", ".join(f"{name} {count:,}" for name, count in notices.items()),
        f"  report: {document['workspace']}/out/report.html",
    ]
    return "\n".join(lines)


def status_text(document: Document) -> str:
    """Steps, gates, clocks and what waits."""
    lines = [
        f"{document['incident']} round {document['round']} ({document['state']}), as of {document['as_of']}"
    ]
    lines += [f"  {step['name']:<12} {step['state']}" for step in document["steps"]]
    if document["encryption"] == "none":
        lines.append("  WITHOUT ENCRYPTION: whoever reads this folder reads every row")
    elif not document["key_file_wrapped"]:
        lines.append("  key file in clear: wrap it for named people with `affected keys WS add`")
    lines += [f"  gate {gate['gate']:<22} {_gate_words(gate)}" for gate in document["gates"]]
    lines += [
        f"  {clock['recipient']:<12} {clock['hypothesis']:<12} {clock['duties']:>6} duties, first due"
        f" {clock['first_due_on']} ({_days(clock['days_left'])}), {clock['overdue']} overdue"
        for clock in document["clocks"]
    ]
    lines += _entity_lines(document["entity_clocks"])
    for row in document["waiting"]:
        count = row.get("people", row.get("entities"))
        lines.append(f"  {row['of']:<8} {row['state']:<34} {count:>10,}")
    if "since" in document:
        lines.append(f"  since {document['since']}:" + ("" if document["done"] else " nothing"))
    lines += [f"    {row['pieces']:>10,}  {row['what']}" for row in document.get("done", ())]
    if "statement" in document:
        lines.append(f"  statement: {document['statement']}")
    return "\n".join(lines)


def _gate_words(gate: Document) -> str:
    """Open and by whom; else who approved, how many must still, and who may."""
    if gate["open"]:
        return "open, " + ", ".join(gate["by"])
    given = f"{', '.join(gate['by'])} approved; " if gate["by"] else ""
    who = ", ".join(gate["may_approve"]) or "nobody in [people] has the right"
    return f"closed: {given}{gate['people_missing']} of {who}"


def approve_text(document: Document) -> str:
    """Who approved, and whom it still waits for."""
    line = f"gate '{document['gate']}' approved by {document['by']}"
    if not document["people_missing"]:
        return line
    who = ", ".join(document["may_approve"]) or "nobody in [people] has the right"
    return f"{line}; closed until {document['people_missing']} more do: {who}"


def _entity_lines(clocks: list[Document]) -> list[str]:
    """The most urgent entities and states; all of them are in the JSON and in out/duties."""
    dated = [clock for clock in clocks if clock["first_due_on"]]
    lines = [
        f"  {clock['entity_id']:<12} {clock['jurisdiction']:<4} {clock['duties']:>6} duties, next"
        f" {clock['first_due_on']} ({_days(clock['days_left'])}), {clock['overdue']} overdue,"
        f" {clock['needs_counsel']} for counsel"
        for clock in dated[:ENTITIES_SHOWN]
    ]
    more = len(clocks) - len(lines)
    return [*lines, f"  and {more:,} more: --json, or out/duties/duties.csv"] if more else lines


def _days(left: int) -> str:
    return f"{left} days left" if left >= 0 else f"{-left} days overdue"


def verify_text(document: Document) -> str:
    """One line a figure."""
    order = ("R", "P", "L", "C", "D", "U", "I", "T", "ledger_identities")
    names = [name for name in order if name in document]
    lines = [f"  {name} {document[name]}" for name in names]
    log = document["audit_log"]
    lines += [f"  {line}" for line in (*document["damaged"], *document["told"])]
    if document["unrecorded"]:
        lines.append(f"  {len(document['unrecorded'])} files that no command recorded, see --json")
    said = f"audit log: {log['lines']} lines, head {log['head'][:16]}, signed by {log['signed_by']}"
    return "\n".join([*lines, f"  {said}"])


def evaluate_text(document: Document) -> str:
    """Best and default threshold in one line each."""
    best = document["best"]
    return (
        f"model {document['model']}: {document['pairs_true']:,} true pairs; best F1 {best['f1']:.4f}"
        f" (precision {best['precision']:.4f}, recall {best['recall']:.4f} at {best['threshold_bits']:.1f} bits)"
    )


def filings_text(document: Document) -> str:
    """What was written, then every filing by kind and state."""
    lines = [
        (
            f"{document['released']} filings written to {document['folder']},"
            f" {document['unchanged']} unchanged"
        )
    ]
    for kind, states in document["by_kind"].items():
        told = ", ".join(f"{count:,} {state}" for state, count in states.items())
        lines.append(f"  {kind:<11} {told}")
    if document["unreviewed_rules"]:
        rules = ", ".join(document["unreviewed_rules"])
        lines.append(f"  no date stated for want of a review: {rules}")
    return "\n".join(lines)


def returns_text(document: Document) -> str:
    """Each file in a line, what of it was set aside, what disagrees, and what the vendor still owes."""
    lines = []
    for file in document["files"]:
        lines.append(f"{file['file']}: " + _returned(file))
        lines += [f"  {said}" for said in file.get("disagreements", ())]
    lines += [
        f"  batch {asked['batch_id']}: {asked['question']}, {asked['pieces']:,} letters, {asked['days']} days"
        for asked in document["open_questions"]
    ]
    if broken := document["ledger_identities"]:
        lines.append(f"  {broken:,} letters are in no place: see {document['reconciliation']}")
    return "\n".join([*lines, f"counts: {document['reconciliation']}; run the next round"])


def _returned(file: Document) -> str:
    if file["before"]:
        return f"{file['kind']}, taken before; nothing added"
    said = (
        f"{file['kind']}, {file['rows']:,} rows, {file['taken']:,} taken, {file['known']:,} known"
    )
    aside = ", ".join(f"{rows:,} {reason}" for reason, rows in file.get("reasons", {}).items())
    seeds = file.get("seeds_seen", 0)
    return (
        said + (f", set aside: {aside}" if aside else "") + (f", {seeds:,} seeds" if seeds else "")
    )


def demo_text(document: Document) -> str:
    """The run, then where to look."""
    lines = [run_text(document), "", "look at:"]
    lines += [f"  {name:<8} {path}" for name, path in document["paths"].items()]
    return "\n".join(lines)
