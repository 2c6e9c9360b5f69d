"""E-mails over TLS to a local server: how fast beside a bare sender, and nobody twice when killed.

    python -m benchmarks.email [--people 100000] [--connections 16] [--rounds 3] [--json]
    python -m benchmarks.email --kills 200 [--people 20000] [--connections 8] [--json]

`rate`: `affected send` (its own process, outbox on disk, records decrypted, events written) against a
bare aiosmtplib sender with as many connections that sends finished messages of the same size, turn and
turn about against the same server in a process of its own. `kills`: SIGKILL at random moments while the
wave is sent, then what the server got is held against the outbox. `benchmarks/results/email.json`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.email_incident import DOMAINS, ENTITIES, ROOT, Served, build, serve_sink
from matching.store import Workspace

RESULTS = ROOT / "benchmarks" / "results" / "email.json"


# --- rate ---------------------------------------------------------------------------------------------


def bare(port: int, pem: Path, messages: int, connections: int) -> float:
    """Messages a second of aiosmtplib alone: `sendmail` of finished bytes on reused connections."""
    import aiosmtplib

    text = SAMPLE.read_bytes() if SAMPLE.exists() else b""
    assert text, "the sample is written by the first run"
    begin = text.index(b"<") + 1
    head, tail = text[:begin], text[begin + 16 :]
    context = ssl.create_default_context(cafile=str(pem))

    async def one(numbers: range) -> None:
        smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=True, tls_context=context)
        await smtp.connect()
        for number in numbers:
            payload = b"%s%016d%s" % (head, number, tail)
            await smtp.sendmail(
                "bounce@northwind.example", [f"p{number:08d}@d{number % DOMAINS}.example"], payload
            )
        await smtp.quit()

    async def every() -> None:
        await asyncio.gather(*(one(range(k, messages, connections)) for k in range(connections)))

    began = time.perf_counter()
    asyncio.run(every())
    return messages / (time.perf_counter() - began)


SAMPLE = Path(tempfile.gettempdir()) / f"affected-email-sample-{os.getpid()}.eml"


def rate(people: int, connections: int, rounds: int) -> dict[str, Any]:
    """Ours and bare in turn; the medians and every round."""
    found: dict[str, list[float]] = {"bare": [], "ours": [], "ours_whole": []}
    memory = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["AFFECTED_KEYS"] = str(folder / "keys")
        served = Served(folder)
        try:
            root = build(folder / "incident", people, port=served.port,
                         ca_file=served.certificate.pem, connections=connections)  # fmt: skip
            dry = sample(root)
            for _ in range(rounds):
                served.clear()
                found["bare"].append(
                    spawn_bare(served.port, served.certificate.pem, people, connections, dry)
                )
                assert served.got == people
                served.clear()
                forget(root)
                document = sent(root)
                assert document["states"]["accepted"] == people, document
                assert len(set(served.ids())) == people
                found["ours"].append(document["rate_per_s"])
                found["ours_whole"].append(people / document["seconds"])
                memory = max(memory, document["peak_rss_gib"])
        finally:
            served.close()
    median = {key: sorted(values)[len(values) // 2] for key, values in found.items()}
    return {
        "aiosmtplib": version("aiosmtplib"),
        "messages": people,
        "connections": connections,
        "message_bytes": len(dry),
        "entities": ENTITIES,
        "domains": DOMAINS,
        "bare_per_s": round(median["bare"]),
        "ours_per_s": round(median["ours"]),
        "ours_per_s_with_start_and_events": round(median["ours_whole"]),
        "ratio": round(median["ours"] / median["bare"], 3),
        "ratio_with_start_and_events": round(median["ours_whole"] / median["bare"], 3),
        "rounds": {key: [round(value) for value in values] for key, values in found.items()},
        "peak_rss_gib": round(memory, 2),
    }


def sample(root: Path) -> bytes:
    """A finished message of ours, for the bare sender."""
    from flows import step_settings
    from flows.rounds import open_round
    from notify.email.trial import _canaries

    workspace, current = open_round(root)
    settings = step_settings.email(current.incident)
    mailed = settings.email.model_copy(update={"canary": ("p00000000@d0.example",)})
    settings = settings.model_copy(update={"email": mailed})
    (_, text), *_ = _canaries(workspace, settings, 1, "0" * 64)
    return text.replace(b"canary-" + b"0" * 16 + b"-0-0", b"0" * 16)


def spawn_bare(port: int, pem: Path, messages: int, connections: int, text: bytes) -> float:
    """The bare sender in a process of its own, as ours is."""
    with tempfile.NamedTemporaryFile() as handle:
        handle.write(text)
        handle.flush()
        command = [sys.executable, "-m", "benchmarks.email", "--bare", str(port), str(pem), str(messages), str(connections), handle.name]  # fmt: skip
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def sent(root: Path) -> dict[str, Any]:
    """`affected send`, as a person calls it, and its peak memory."""
    import resource

    command = [sys.executable, "-m", "flows", "send", str(root), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 6}, done.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1 << 20)
    document: dict[str, Any] = json.loads(done.stdout)
    return document | {"peak_rss_gib": peak, "code": done.returncode}


def forget(root: Path) -> None:
    """Take away what was sent, so that it can be sent again."""
    import sqlite3

    workspace = Workspace.open(root)
    with (
        workspace.database("outbox.sqlite"),
        closing(sqlite3.connect(root / "outbox.sqlite")) as db,
    ):
        for table in ("outbox", "runs", "days", "canaries"):
            db.execute(f"delete from {table}")
        db.commit()
    for name in ("events", "registry"):
        workspace.drop(name)


# --- kills ----------------------------------------------------------------------------------------------


def kills(people: int, connections: int, wanted: int, seed: int) -> dict[str, Any]:
    """Kill the sender again and again at random moments, then let it finish and count."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["AFFECTED_KEYS"] = str(folder / "keys")
        served = Served(folder)
        try:
            root = build(folder / "incident", people, port=served.port,
                         ca_file=served.certificate.pem, connections=connections)  # fmt: skip
            began = time.perf_counter()
            killed = 0
            while killed < wanted:
                killed += kill_once(root, served, chance, mean=people / (wanted + 1))
            document = sent(root)
            return accounts(root, served, document, killed) | {
                "people": people,
                "connections": connections,
                "seed": seed,
                "seconds": round(time.perf_counter() - began, 1),
            }
        finally:
            served.close()


def kill_once(root: Path, served: Served, chance: random.Random, *, mean: float) -> bool:
    """Start a sender and kill it after a random number of messages and a random pause; True if it was alive."""
    before = served.got
    after = before + max(0, min(chance.expovariate(1 / mean), 3 * mean)) * 0.9
    command = [sys.executable, "-m", "flows", "send", str(root), "--json"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    early = (
        time.perf_counter() + chance.uniform(0.5, 4.0) if chance.random() < 0.1 else float("inf")
    )
    while process.poll() is None and served.got <= after and time.perf_counter() < early:
        time.sleep(0.0005)
    time.sleep(chance.uniform(0.0, 0.01))
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL) if alive else None
    _, said = process.communicate()
    if not alive and process.returncode not in {0, 6}:
        raise SystemExit(said.decode())
    return alive and process.returncode == -signal.SIGKILL


def accounts(root: Path, served: Served, document: dict[str, Any], killed: int) -> dict[str, Any]:
    """What the server got against what the outbox and the inbox say."""
    import sqlite3

    times = Counter(served.ids())
    workspace = Workspace.open(root)
    with closing(sqlite3.connect(root / "outbox.sqlite")) as db:
        states = dict(db.execute("select mailpiece_id, state from outbox").fetchall())
    planned = set(workspace.read("outbox")["mailpiece_id"])
    accepted = {piece for piece, state in states.items() if state == "accepted"}
    uncertain = {piece for piece, state in states.items() if state == "uncertain"}
    events = workspace.read("events").group_by("kind").len()
    repeated = workspace.read("events")["event_id"].is_duplicated().sum()
    figures = verify_some(root)
    return {
        "kills": killed,
        "crashes_seen": document["crashes"],
        "sent_twice": sum(1 for count in times.values() if count > 1),
        "accepted": len(accepted),
        "uncertain": len(uncertain),
        "uncertain_at_most": document["uncertain_at_most"],
        "uncertain_that_arrived": len(uncertain & set(times)),
        "accepted_that_did_not_arrive": len(accepted - set(times)),
        "arrived_unknown": len(set(times) - planned),
        "arrived_in_other_states": len(set(times) - accepted - uncertain),
        "unaccounted": len(planned - accepted - uncertain) + len(set(states) - planned),
        "events": dict(events.sort("kind").iter_rows()),
        "events_repeated": int(repeated),
        "exit_code": document["code"],
        **figures,
    }


def verify_some(root: Path) -> dict[str, Any]:
    """Figures U and D of `affected verify`."""
    import notify.email
    import notify.ledger

    workspace = Workspace.open(root)
    return {"U": notify.email.uncertain_waiting(root), "D": notify.ledger.figure_d(workspace)}


def main() -> None:
    """Parse the command line."""
    global SAMPLE  # noqa: PLW0603 - the child's sample
    if sys.argv[1:2] == ["--sink"]:
        serve_sink(Path(sys.argv[2]), Path(sys.argv[3]))
        return
    if sys.argv[1:2] == ["--bare"]:
        port, pem, messages, connections, text = sys.argv[2:]
        SAMPLE = Path(text)
        print(bare(int(port), Path(pem), int(messages), int(connections)))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--people", type=int, default=0)
    parser.add_argument("--connections", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    from benchmarks.results import record

    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept = {key: known[key] for key in ("rate", "kills") if key in known}
    if options.kills:
        kept["kills"] = kills(
            options.people or 20_000, options.connections or 8, options.kills, options.seed
        )
    else:
        kept["rate"] = rate(options.people or 100_000, options.connections or 16, options.rounds)
    record("email", kept, show=options.json)


if __name__ == "__main__":
    main()
