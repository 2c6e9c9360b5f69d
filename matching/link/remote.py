"""Parts of `pairs` made by the workers of a Dask cluster, over TLS and through a shared folder.

The exchange `<shared>/<incident>-<digest>/` (mode 0700) is a branch of the workspace: the tables that
linking reads, encrypted as everywhere, and the parts that workers finish; it holds no key. Tasks name
the folder, a kind and a part, and nothing of a person. Finished parts are taken over one by one, so a
kill loses the chunks in hand; Dask may run a task twice, which writes the same rows. The folder is
removed at success; that of a killed run is taken up by the next, or removed by it.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from secrets import token_hex
from typing import Any

from distributed import CancelledError, Client, Future, KilledWorker, Security, wait
from distributed.client import ClosedClientError
from distributed.comm.core import CommClosedError

from matching import errors
from matching.errors import OperatorError, TryAgainLater, WorkerFailed
from matching.files import digest_of, locked, replacing
from matching.link.chunks import VERSION, Linking
from matching.link.common import OVER_BUDGET
from matching.link.kept import KEPT, Kept
from matching.link.limits import TooManyPairs
from matching.link.progress import Progress, pairs_bytes, require_free
from matching.link.settings import Cluster
from matching.link.strips import KINDS, Strip
from matching.link.worker import ORDER, Failed, Finished, forget, make_part
from matching.log import log
from matching.store import Workspace, Writer
from matching.tables import TABLES

__all__ = ["workers_of"]

ANSWER_WITHIN_S = 30.0
"""A scheduler or a first worker that is there answers at once; this allows for one that is starting."""
WITHOUT_WORKERS_S = 120.0
"""As long as a cluster may take to put new workers in the place of lost ones."""
LOOK_EVERY_S = 2.0
ATTEMPTS = 3
"""Of a part that is not whole in the exchange: two workers may have written it at once."""
LENT = ("leaked_std", "charts_std", "identities", "frozen_nonidentifying", "model", "term_frequencies")  # fmt: skip
_DIGITS = 12
_OPERATORS = {name: getattr(errors, name) for name in ("IntegrityError", "OperatorError", "TryAgainLater")}  # fmt: skip
_OPERATORS[TooManyPairs.__name__] = OperatorError  # what it carries stayed in the exchange


@contextmanager
def workers_of(
    cluster: Cluster, linking: Linking
) -> Iterator[Callable[[Strip, Sequence[int]], Progress]]:
    """Who makes parts of a kind.

    Raises OperatorError (certificates, shared folder), TryAgainLater where the scheduler does not
    answer, has no workers or loses them for good.
    """
    try:
        with _client(cluster) as client, _exchange(cluster.shared, linking) as branch:
            theirs, kept = (Writer(branch, TABLES[name], "") for name in ("pairs", KEPT))
            linking.fingerprints.copy(linking.kept, Kept(kept))
            yield _Workers(client, cluster.scheduler, linking, theirs, Kept(kept)).make
    except (CancelledError, ClosedClientError, CommClosedError):
        raise TryAgainLater(f"{cluster.scheduler}: went away; start it and run again") from None


@dataclass(slots=True)
class _Workers:
    """Hands out parts and takes them over."""

    client: Client
    scheduler: str
    linking: Linking
    theirs: Writer
    their_kept: Kept
    said: set[str] = field(default_factory=set)

    def make(self, strip: Strip, waiting: Sequence[int]) -> Progress:
        """Have the parts of a strip made; those that an earlier run left in the exchange are taken."""
        linking = self.linking
        if (
            strip.kind == KINDS[-1]
        ):  # which charts take part, each worker finds in the parts of the first
            for other in linking.strips(KINDS[0]):
                for part in linking.parts(other):
                    self.theirs.take(part, linking.writer, key=linking.key(other, part))
        left = self._not_there(strip, waiting)
        progress = Progress(f"link {strip.kind}", len(left))
        for _ in range(ATTEMPTS):
            for finished in self._finished(strip, left):
                progress.done(finished.made)
                self._say(finished.said)
            left = self._not_there(strip, left)
            if not left:
                linking.fingerprints.copy(self.their_kept, linking.kept)
                return progress
        raise TryAgainLater(f"{self.theirs.workspace.root}: parts do not arrive whole; run again")

    def _take_table(self, name: str) -> None:
        """Have a table that a worker wrote beside the parts."""
        if self.theirs.workspace.has(name):
            self.theirs.workspace.lend(name, self.linking.writer.workspace)

    def _not_there(self, strip: Strip, parts: Sequence[int]) -> list[int]:
        return [part for part in parts if not self._taken(strip, part)]

    def _taken(self, strip: Strip, part: int) -> bool:
        linking, common = self.linking, f"common_{strip.kind}"
        if not linking.writer.workspace.has(common):  # first: it counts for whoever makes the rest
            self._take_table(common)
        return linking.writer.take(part, self.theirs, key=linking.key(strip, part))

    def _finished(self, strip: Strip, parts: Sequence[int]) -> Iterator[Finished]:
        """What workers say of each part, taken over already. Raises as the first worker failed."""
        root = str(self.theirs.workspace.root)
        waiting: dict[Future[Any], int] = {
            self.client.submit(
                make_part, root, strip.kind, part,
                key=f"{strip.kind}-{part}-{token_hex(4)}", pure=False,
            ): part
            for part in parts
        }  # fmt: skip
        last_seen = time.monotonic()
        while waiting:
            try:
                done = wait(list(waiting), timeout=LOOK_EVERY_S, return_when="FIRST_COMPLETED").done  # type: ignore[no-untyped-call]  # distributed has few types
            except TimeoutError:
                last_seen = self._require_workers(last_seen)
                continue
            for future in done:
                finished = self._outcome(future)
                self._taken(strip, waiting.pop(future))
                yield finished
            last_seen = time.monotonic()

    def _require_workers(self, last_seen: float) -> float:
        """When workers were last seen; raises where the cluster has lost them for good."""
        now = time.monotonic()
        if self.client.scheduler_info()["workers"]:
            return now
        if now - last_seen > WITHOUT_WORKERS_S:
            raise TryAgainLater(f"{self.scheduler}: no workers left; start some and run again")
        return last_seen

    def _outcome(self, future: Future[Any]) -> Finished:
        if future.status == "error":
            error = future.exception()  # type: ignore[no-untyped-call]
            if isinstance(error, KilledWorker):
                raise TryAgainLater(
                    f"{self.scheduler}: workers died over one part; give them more memory and run again"
                )
            raise OperatorError(
                f"{self.scheduler}: workers cannot run parts ({type(error).__name__}); install the"
                " same version of this program there"
            )
        result = future.result()
        if isinstance(result, Failed):
            if result.kind == TooManyPairs.__name__:
                self._take_table(OVER_BUDGET)
            raise _raised(result)
        assert isinstance(result, Finished)
        return result

    def _say(self, lines: Sequence[str]) -> None:
        """What every worker counted of the kind as a whole, once."""
        for line in lines:
            if line not in self.said:
                log.info("%s", line)
        self.said.update(lines)


def _raised(failed: Failed) -> Exception:
    """The error as it would have been raised here, as far as a worker told it."""
    if failed.number:
        return OSError(failed.number, os.strerror(failed.number), failed.text)
    if failed.kind in _OPERATORS:
        error: Exception = _OPERATORS[failed.kind](f"on a worker: {failed.text}")
        return error
    return WorkerFailed(f"{failed.kind} at {failed.text} (on a worker)")


@contextmanager
def _client(cluster: Cluster) -> Iterator[Client]:
    """A connection over TLS to a scheduler with at least one worker."""
    for name in ("distributed", "distributed.client"):  # what matters, we say in one line
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        security = Security(  # type: ignore[no-untyped-call]
            require_encryption=True, tls_ca_file=str(cluster.tls_ca),
            tls_client_cert=str(cluster.tls_cert), tls_client_key=str(cluster.tls_key),
        )  # fmt: skip
        client = Client(  # type: ignore[no-untyped-call]
            cluster.scheduler, security=security, timeout=ANSWER_WITHIN_S, set_as_default=False
        )
    except (ssl.SSLError, FileNotFoundError):
        raise OperatorError(
            "[dask] tls_ca, tls_cert, tls_key: no certificates and key in PEM; correct them"
        ) from None
    except (OSError, TimeoutError):
        raise TryAgainLater(
            f"{cluster.scheduler}: does not answer, or not to this certificate; start it and run again"
        ) from None
    with client, client.as_current():
        try:
            client.wait_for_workers(1, timeout=ANSWER_WITHIN_S)
        except TimeoutError:
            raise TryAgainLater(
                f"{cluster.scheduler}: has no workers; start some and run again"
            ) from None
        yield client
        if client.status == "running":
            client.run(forget, on_error="ignore")


@contextmanager
def _exchange(shared: Path, linking: Linking) -> Iterator[Workspace]:
    """The folder through which tables go out and parts come back; removed at success."""
    home = linking.leaked.workspace
    if not shared.is_dir():
        raise OperatorError(f"--shared {shared}: no such folder; name one that all workers see")
    digest = digest_of(linking.deliveries.keys[-1], home.identity["key_check"])[:_DIGITS]
    root = shared / f"{home.incident_id}-{digest}"
    _remove_left_behind(shared, home.incident_id, root)
    there = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    needed = pairs_bytes(linking.leaked.rows) + sum(map(home.size, LENT))
    require_free(shared, max(needed - there, 0))
    with locked(root / ".lock"):
        branch = home.branch(root)
        for name in (*LENT, *(f"common_{kind}" for kind in KINDS)):
            if home.has(name):
                home.lend(name, branch)
        _write_order(root, linking)
        yield branch
        shutil.rmtree(root, ignore_errors=True)


def _write_order(root: Path, linking: Linking) -> None:
    settings = linking.settings.model_dump(mode="json", exclude={"cluster", "model", "threads"})
    deliveries = {"ends": linking.deliveries.ends, "keys": linking.deliveries.keys}
    order = {"version": VERSION, "deliveries": deliveries, "settings": settings}
    with replacing(root / ORDER) as draft:
        draft.write_text(json.dumps(order))


def _remove_left_behind(shared: Path, incident_id: str, root: Path) -> None:
    """Exchanges of runs of this incident that were killed and whose inputs are no longer these."""
    for other in shared.glob(f"{escape(incident_id)}-{'[0-9a-f]' * _DIGITS}"):
        if other != root:
            try:
                with locked(other / ".lock"):
                    shutil.rmtree(other, ignore_errors=True)
            except TryAgainLater:
                continue  # another workspace's, in use
