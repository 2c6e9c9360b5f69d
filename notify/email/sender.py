"""The sender: claimed messages come in, each goes to the relay at most once, answers go to the outbox.

Every connection holds one message. Before it leaves, its row is `sending` on disk; one commit marks the
next message of every connection that waits, together with the answers these got. So a crash leaves at
most one uncertain row a connection, and a commit costs little for each message. The clocks are arguments.
Longer than most modules: feeding, connections and commits share one loop and one state.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from matching.store import OperatorError, TryAgainLater
from notify.email.limits import Limits, Queue
from notify.email.message import Frame, Refused, message
from notify.email.outbox import Change, Due, Outbox
from notify.email.relay import Answer, Connection, Envelope, Fate, Relay
from notify.email.retries import after, postponed
from notify.email.states import EVENT_OF, SendState

__all__ = ["Letter", "Patience", "Sender", "Sent"]

FLUSH_ROWS = 5_000
"""Answers a part of `events`: a part a message would be a file a message."""


@dataclass(slots=True)
class Letter:
    """A claimed message, ready but for its bytes."""

    due: Due
    domain: str
    address: str
    utf8: bool
    name: str
    number: str
    token: str
    frame: Frame
    lost: int = 0

    @property
    def place(self) -> int:
        """Its row."""
        return self.due.place


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds between looks and tries, and how many tries to connect."""

    look_s: float = 0.25
    recheck_s: float = 2.0
    connect_first_s: float = 1.0
    connect_tries: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Where messages of a run come from and go back to."""

    bounce_domain: str
    message_domain: str
    retry_s: float
    now: Callable[[], float]
    stopped: Callable[[], bool]
    tick: Callable[[Sender], None]
    note: Callable[[Sequence[Change]], None]
    """Tells the ledger. This and `recheck` are called in a thread of their own, one at a time."""
    recheck: Callable[[Sequence[int]], Mapping[int, str]]
    """Of these rows in hand those that news since their claim keeps back, with the reason."""


@dataclass(slots=True)
class _Request:
    """A connection hands in its answer and, unless it must connect first, asks for a message."""

    change: Change | None
    more: bool
    given: asyncio.Future[Letter | None]


@dataclass(slots=True)
class Sender:
    """One run. `counts` says what became of messages so far, by state."""

    outbox: Outbox
    relay: Relay
    limits: Limits
    sent: Sent
    patience: Patience = field(default_factory=Patience)
    counts: dict[SendState, int] = field(default_factory=dict)
    stopped: bool = False
    failure: OperatorError | None = None
    _queue: Queue[Letter] = field(init=False)
    _requests: list[_Request] = field(default_factory=list)
    _asking: list[_Request] = field(default_factory=list)
    _changes: list[Change] = field(default_factory=list)
    _news: list[Change] = field(default_factory=list)
    _noting: asyncio.Task[None] | None = None
    _busy: int = 0
    _back: dict[int, Letter] = field(default_factory=dict)
    _fed: bool = False
    _timer: asyncio.TimerHandle | None = None
    _connections: list[Connection] = field(default_factory=list)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _hungry: asyncio.Event = field(default_factory=asyncio.Event)
    _disk: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _ledger: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _date: tuple[int, bytes] = (0, b"")

    def __post_init__(self) -> None:
        self._queue = Queue(self.limits)

    async def run(self, letters: AsyncIterator[list[Letter]], connections: int) -> None:
        """Send what comes until there is no more, someone stops it, or the day's quota is used.

        Every message that was given out has its state on disk when this returns or raises. Raises
        OperatorError where the relay refuses us, TryAgainLater where it does not answer.
        """
        self._connections = [Connection(self.relay) for _ in range(connections)]
        loops = (self._commits(), self._watch(), self._rechecks())
        helpers = [asyncio.create_task(each) for each in loops]
        feeding = asyncio.create_task(self._feed(letters))
        workers = [asyncio.create_task(self._work(each)) for each in self._connections]
        try:
            await self._until_done(workers, [feeding, *helpers])
        finally:
            for task in (feeding, *helpers, *workers):
                task.cancel()
            await asyncio.gather(feeding, *helpers, *workers, return_exceptions=True)
            await self._flush()
            self._disk.shutdown()
            self._ledger.shutdown()
        if self.failure:
            raise self.failure

    async def _until_done(
        self, workers: list[asyncio.Task[None]], others: list[asyncio.Task[None]]
    ) -> None:
        """Until all connections have ended; our own bug anywhere ends all at once."""
        pending: set[asyncio.Task[None]] = {*workers, *others}
        while any(not worker.done() for worker in workers):
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()

    # --- messages in ------------------------------------------------------------------------------

    async def _feed(self, letters: AsyncIterator[list[Letter]]) -> None:
        """Keep the queue filled, a claimed chunk ahead."""
        try:
            async for chunk in letters:
                for letter in self._queue.put(chunk):
                    self._postpone(letter)
                self._wake.set()
                while self._queue.size > len(chunk) // 2 and not self._ending:
                    self._hungry.clear()
                    await self._hungry.wait()
                if self._ending:
                    break
        except OperatorError as error:
            self._fail(error)
        self._fed = True
        self._wake.set()

    def settle(self, changes: Sequence[Change]) -> None:
        """Rows that end without having been sent: committed with the next answers."""
        self._changes += changes
        self._wake.set()

    @property
    def quota(self) -> int | None:
        """Messages that this day still allows."""
        return self._queue.quota

    @property
    def _ending(self) -> bool:
        return self.stopped or self.failure is not None or self._queue.quota == 0

    @property
    def _over(self) -> bool:
        """No message waits, is on its way, or may come back."""
        return self._fed and not self._queue.size and not self._busy and not self._back

    def _fail(self, error: OperatorError) -> None:
        self.failure = self.failure or error
        self._hungry.set()
        self._wake.set()

    # --- connections --------------------------------------------------------------------------------

    async def _work(self, connection: Connection) -> None:
        """One connection: take a message, hand it over, come back with the answer."""
        change: Change | None = None
        while True:
            if not connection.ready:
                if change is not None:
                    await self._exchange(change, more=False)
                    change = None
                if self._ending or self._over:
                    break
                if not await self._opened(connection):
                    break
            letter = await self._exchange(change, more=True)
            if letter is None:
                break
            change = await self._delivered(connection, letter)
        await connection.close()

    async def _opened(self, connection: Connection) -> bool:
        """Connect, however long the relay takes to answer; False where the run ends instead."""
        wait = self.patience.connect_first_s
        for turn in range(self.patience.connect_tries):
            try:
                await connection.open()
            except TryAgainLater as error:
                if turn + 1 == self.patience.connect_tries and not self._others_work:
                    self._fail(error)
            except OperatorError as error:
                self._fail(error)
            else:
                return True
            if self._ending:
                return False
            await asyncio.sleep(wait)
            wait *= 2
        return False

    @property
    def _others_work(self) -> bool:
        """A relay may allow fewer connections than we want: then the others do the work."""
        return any(connection.ready for connection in self._connections)

    async def _exchange(self, change: Change | None, *, more: bool) -> Letter | None:
        request = _Request(change, more, asyncio.get_running_loop().create_future())
        self._requests.append(request)
        self._wake.set()
        return await request.given

    async def _delivered(self, connection: Connection, letter: Letter) -> Change:
        """Hand one message over; gives what became of its row."""
        if letter.utf8 and not connection.supports("smtputf8"):
            return self._ended(letter, Answer(Fate.PERMANENT, "local:smtputf8"))
        try:
            payload = message(
                letter.frame,
                message_id=f"{letter.due.mailpiece_id}@{self.sent.message_domain}",
                address=letter.address,
                name=letter.name,
                number=letter.number,
                date=self._today(),
            )
        except Refused as refused:
            return self._ended(letter, Answer(Fate.PERMANENT, refused.code))
        bounces = f"bounce+{letter.token}@{self.sent.bounce_domain}"
        envelope = Envelope(bounces, letter.address, letter.due.mailpiece_id, letter.utf8)
        try:
            answer = await connection.deliver(envelope, payload)
        except OperatorError as error:
            connection.abort()
            self._fail(error)
            answer = Answer(Fate.NOT_SENT, "stopped")
        return self._ended(letter, answer)

    def _today(self) -> bytes:
        second = int(self.sent.now())
        if self._date[0] != second:
            text = format_datetime(datetime.fromtimestamp(second, UTC))
            self._date = (second, text.encode())
        return self._date[1]

    # --- answers ------------------------------------------------------------------------------------

    def _ended(self, letter: Letter, answer: Answer) -> Change:
        """The row's next state after this answer; what waits for another try is queued again."""
        self._busy -= 1
        self._queue.done(letter.domain)
        letter.lost += answer.fate is Fate.NOT_SENT
        if answer.fate is Fate.POLICY:
            for other in self._queue.pause(letter.domain):
                self._postpone(other)
        now, retry_s = self.sent.now(), self.sent.retry_s
        change = after(letter.due, answer, lost=letter.lost, now=now, retry_s=retry_s)
        if change.state is SendState.CLAIMED:
            self._back[letter.place] = letter
        return change

    def _postpone(self, letter: Letter) -> None:
        self.settle([postponed(letter.due, now=self.sent.now(), retry_s=self.sent.retry_s)])

    # --- commits --------------------------------------------------------------------------------------

    async def _commits(self) -> None:
        """Commit for all connections that wait, again and again: the only writer of the outbox."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await asyncio.sleep(0)  # connections that are ready in this turn of the loop come along
            requests, self._requests = self._requests, []
            changes, self._changes = self._changes, []
            changes += [request.change for request in requests if request.change is not None]
            self._asking += [request for request in requests if request.more]
            given, wait = self._picked()
            places = [letter.place for letter in given]
            if changes or places:
                await self.on_disk(self._write, changes, places)
            self._took(changes, requests)
            for letter in given:
                self._asking.pop(0).given.set_result(letter)
            self._rest(wait)

    def _write(self, changes: Sequence[Change], places: Sequence[int]) -> None:
        now = self.sent.now()
        day = datetime.fromtimestamp(now, UTC).date().isoformat() if places else ""
        self.outbox.exchange(changes, places, now=now, day=day)

    def on_disk(self, call: Callable[..., None], *values: object) -> Awaitable[None]:
        """Do something with the outbox in its own thread."""
        return asyncio.get_running_loop().run_in_executor(self._disk, call, *values)

    def _picked(self) -> tuple[list[Letter], float | None]:
        """A message for each connection that asks, and the seconds to wait if one goes without."""
        given: list[Letter] = []
        wait: float | None = None
        now = asyncio.get_running_loop().time()
        while len(given) < len(self._asking) and not self._ending:
            found = self._queue.pick(now)
            if not isinstance(found, Letter):
                wait = found
                break
            given.append(found)
        self._busy += len(given)
        return given, wait

    def _took(self, changes: Sequence[Change], requests: Sequence[_Request]) -> None:
        """Answers are on disk: count them, give back what must be tried again, tell the ledger in time."""
        for change in changes:
            self.counts[change.state] = self.counts.get(change.state, 0) + 1
            if change.state in EVENT_OF:
                self._news.append(change)
            elif change.state is SendState.CLAIMED:
                for letter in self._queue.put([self._back.pop(change.place)]):
                    self._postpone(letter)
        for request in requests:
            if not request.more:
                request.given.set_result(None)
        if len(self._news) >= FLUSH_ROWS and self._noting is None:
            self._noting = asyncio.create_task(self._note())

    def _rest(self, wait: float | None) -> None:
        """Whoever asks and gets nothing waits; when nothing can come any more, all may go."""
        self._hungry.set()
        if not self._asking:
            return
        if self._ending or self._over:
            for request in self._asking:
                request.given.set_result(None)
            self._asking = []
        elif wait is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(wait, self._wake.set)

    # --- the ledger, time ---------------------------------------------------------------------------------

    async def _note(self) -> None:
        news, self._news = self._news, []
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._ledger, self.sent.note, news)
        places = [change.place for change in news]
        await self.on_disk(self.outbox.note, places)
        self._noting = None

    async def _flush(self) -> None:
        """At the end: every answer on disk, every event told."""
        if self._noting is not None:
            await self._noting
        changes = [request.change for request in self._requests if request.change is not None]
        changes += self._changes
        self._requests, self._changes = [], []
        if changes:
            await self.on_disk(self._write, changes, [])
            self._took(changes, [])
        if self._noting is not None:
            await self._noting
        if self._news:
            await self._note()

    async def _watch(self) -> None:
        """Look for the stop sign, drop connections whose time is over, say how far it is."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.patience.look_s)
            for connection in self._connections:
                if connection.deadline is not None and loop.time() > connection.deadline:
                    connection.abort()
            if not self.stopped and self.sent.stopped():
                self.stopped = True
                self._hungry.set()
                self._wake.set()
            self.sent.tick(self)

    async def _rechecks(self) -> None:
        """A slow wave has messages in hand for minutes: a hold that comes in meanwhile stops them, too."""
        while True:
            await asyncio.sleep(self.patience.recheck_s)
            places = [letter.place for letter in self._queue.waiting()]
            if places:
                await self._recheck(places)

    async def _recheck(self, places: Sequence[int]) -> None:
        loop = asyncio.get_running_loop()
        try:
            gone = await loop.run_in_executor(self._ledger, self.sent.recheck, places)
        except OperatorError as error:
            self._fail(error)
            return
        dropped = self._queue.drop(lambda letter: letter.place in gone) if gone else []
        self.settle([Change(each.place, SendState.SKIPPED, gone[each.place]) for each in dropped])
