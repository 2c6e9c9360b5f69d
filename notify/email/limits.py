"""How fast: one queue of messages in hand that gives out the next one allowed to leave.

Token buckets for all messages and for each recipient domain, a bound on transactions at one time to a
domain, domains that are paused, and a quota of the day. Whatever is not allowed now says when it is.
The clock is an argument, in seconds.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

__all__ = ["Bucket", "Limits", "Queue", "Sendable", "allowance"]

BURST_S = 1.0
"""A bucket holds the tokens of one second, and at least one."""


class Sendable(Protocol):
    """What the queue needs to know of a message."""

    domain: str


Item = TypeVar("Item", bound=Sendable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Messages a second, in all and by domain; transactions at once to a domain; 0: no limit."""

    rate: float = 0.0
    rates: Mapping[str, float] = field(default_factory=dict)
    domain_connections: int = 0
    quota: int | None = None
    """Messages that this day still allows; None: any number."""
    paused: frozenset[str] = frozenset()
    """Domains that get nothing."""


@dataclass(slots=True)
class Bucket:
    """Tokens that come at `rate` a second."""

    rate: float
    tokens: float = 1.0
    at: float = -math.inf

    def wait(self, now: float) -> float:
        """Seconds until there is a token; 0: now."""
        since = now - self.at if self.at > -math.inf else 0.0
        self.tokens = min(max(1.0, self.rate * BURST_S), self.tokens + since * self.rate)
        self.at = now
        return 0.0 if self.tokens >= 1.0 - 1e-9 else (1.0 - self.tokens) / self.rate

    def take(self) -> None:
        """Use a token that `wait` said is there."""
        self.tokens -= 1.0


class Queue(Generic[Item]):
    """Messages by domain, domains taking turns. Every call costs the same however many domains wait."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._all = Bucket(limits.rate) if limits.rate else None
        self._buckets = {name.lower(): Bucket(rate) for name, rate in limits.rates.items()}
        self._items: dict[str, deque[Item]] = {}
        self._turns: deque[str] = deque()
        self._later: list[tuple[float, str]] = []
        self._busy: dict[str, int] = {}
        self._full: set[str] = set()
        self._paused = set(limits.paused)
        self.quota = limits.quota
        self.size = 0

    def put(self, items: Iterable[Item]) -> list[Item]:
        """Take messages in; gives back those of paused domains."""
        refused = []
        for item in items:
            if item.domain in self._paused:
                refused.append(item)
                continue
            waiting = self._items.get(item.domain)
            if waiting is None:
                self._items[item.domain] = waiting = deque()
                self._turns.append(item.domain)
            waiting.append(item)
            self.size += 1
        return refused

    def pause(self, domain: str) -> list[Item]:
        """Send nothing more to a domain; gives back what waited for it."""
        self._paused.add(domain)
        waiting = list(self._items.pop(domain, ()))
        self.size -= len(waiting)
        return waiting

    def waiting(self) -> list[Item]:
        """Everything in hand that is not on its way."""
        return [item for items in self._items.values() for item in items]

    def drop(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Take out what shall not be sent after all; gives it back."""
        gone = [item for item in self.waiting() if unwanted(item)]
        left = {
            domain: deque(i for i in items if not unwanted(i))
            for domain, items in self._items.items()
        }
        self._items = {domain: items for domain, items in left.items() if items}
        self._turns = deque(domain for domain in self._turns if domain in self._items)
        self._later = [(at, domain) for at, domain in self._later if domain in self._items]
        heapq.heapify(self._later)
        self._full &= set(self._items)
        self.size -= len(gone)
        return gone

    def pick(self, now: float) -> Item | float | None:
        """The next message, the seconds to wait for one, or None: nothing until something changes."""
        if self.quota == 0 or not self.size:
            return None
        while self._later and self._later[0][0] <= now:
            self._turns.append(heapq.heappop(self._later)[1])
        if self._all and (wait := self._all.wait(now)):
            return wait
        while self._turns:
            domain = self._turns.popleft()
            if domain in self._items and self._allowed(domain, now):
                return self._given(domain)
        return max(self._later[0][0] - now, 0.0) if self._later else None

    def _allowed(self, domain: str, now: float) -> bool:
        """If not, the domain waits for its token or for a transaction to end."""
        most = self._limits.domain_connections
        if most and self._busy.get(domain, 0) >= most:
            self._full.add(domain)
            return False
        bucket = self._buckets.get(domain)
        if bucket and (wait := bucket.wait(now)):
            heapq.heappush(self._later, (now + wait, domain))
            return False
        if bucket:
            bucket.take()
        return True

    def _given(self, domain: str) -> Item:
        waiting = self._items[domain]
        item = waiting.popleft()
        if waiting:
            self._turns.append(domain)
        else:
            del self._items[domain]
        if self._all:
            self._all.take()
        self._busy[domain] = self._busy.get(domain, 0) + 1
        self.size -= 1
        if self.quota is not None:
            self.quota -= 1
        return item

    def done(self, domain: str) -> None:
        """A message that `pick` gave is no longer on its way."""
        left = self._busy[domain] - 1
        if left:
            self._busy[domain] = left
        else:
            del self._busy[domain]
        if domain in self._full:
            self._full.remove(domain)
            if domain in self._items:
                self._turns.append(domain)


def allowance(first_day: int, days: Mapping[str, int], today: str) -> int | None:
    """Messages that a warm-up still allows today: `first_day`, doubled on each later day of sending.

    `days` says how many were tried on each day. None: there is no warm-up.
    """
    if not first_day:
        return None
    earlier = sum(1 for day, tried in days.items() if day < today and tried)
    most: int = first_day * 2 ** min(earlier, 40)
    return max(0, most - days.get(today, 0))
