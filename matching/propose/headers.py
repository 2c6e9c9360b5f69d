"""What a column's header says: its words as concepts, and the targets that they may mean.

In: a header as delivered. Out: candidate targets with bits, and whether every word was understood.
A header without any known word says nothing, which is not a contradiction.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from itertools import product

from matching.propose.lexicon import IGNORED, LITERAL, OWNERS, RECIPES, SHORT, SINGLE, WORDS

__all__ = ["HeaderSays", "concepts_of", "header_says"]

BITS_PER_WEIGHT = 4.0
"""A header that means one thing is 12 bits: as good as values that are one kind nine times in ten."""
LEFT_OVER_BITS = 3.0
UNKNOWN_WORD_BITS = 2.0
READINGS_MAX = 24
"""Ambiguous words multiply readings; a header of more is no name of a column."""
WORD_LETTERS_MIN = 3
_PIECES = re.compile(r"[a-z]+|[A-Z]+(?![a-z])|[A-Z][a-z]*|\d+")
_NUMBERS = {"one": "1", "two": "2", "three": "3", "i": "1", "ii": "2", "iii": "3"}
_DETAILS = frozenset(
    (
        "patient",
        "code",
        "date",
        "number",
        "description",
        "type",
        "1",
        "2",
        "3",
        "id",
        "name",
        "status",
    )
)
"""What a diagnosis or a payment is told in."""
_MEANINGLESS = re.compile(
    r"(?i)^(c|col|column|f|field|fld|var|v|x|attr|attribute|unnamed|data)?\W*\d*(\W\d+)?$"
)


@dataclass(frozen=True, slots=True)
class HeaderSays:
    """`bits` by target; `exact`: targets that every word supports; `nearly`: what it usually means."""

    bits: dict[str, float] = field(default_factory=dict)
    exact: frozenset[str] = frozenset()
    nearly: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    unknown: int = 0
    concepts: frozenset[str] = frozenset()

    @property
    def meaningless(self) -> bool:
        """No word of it is known."""
        return not self.words


@cache
def header_says(header: str) -> HeaderSays:
    """What the header alone says."""
    literal = LITERAL.get(re.sub(r"[^a-z0-9]", "", header.lower()))
    if literal:
        return HeaderSays(
            {literal: 3 * BITS_PER_WEIGHT}, frozenset((literal,)), frozenset(), (header,), 0
        )
    readings, unknown, words = concepts_of(header)
    bits: dict[str, float] = {}
    exact: dict[str, float] = defaultdict(float)
    for reading in readings:
        for target, weight, recipe in RECIPES:
            if not recipe <= reading or (OWNERS & reading) - recipe:
                continue
            aside = _DETAILS if target.startswith("kind:") else frozenset(("patient",))
            left = len(reading - recipe - aside)
            score = BITS_PER_WEIGHT * weight - LEFT_OVER_BITS * left - UNKNOWN_WORD_BITS * unknown
            score += 0.5 * len(recipe)  # of two that fit, the one that says more
            if score > bits.get(target, 0):
                bits[target] = score
                exact[target] = weight if not left and not unknown else 0
    sure = frozenset(target for target, weight in exact.items() if weight >= 3)
    nearly = frozenset(target for target, weight in exact.items() if weight >= 2.5)
    return HeaderSays(bits, sure, nearly, words, unknown, frozenset().union(*readings))


def concepts_of(header: str) -> tuple[list[frozenset[str]], int, tuple[str, ...]]:
    """Readings of a header as sets of concepts, how many words are unknown, and the known words."""
    if _MEANINGLESS.match(header.strip()):
        return [], 0, ()
    slots: list[tuple[str, ...]] = []
    unknown, known = 0, []
    for token in _tokens(header):
        found = _meanings(token)
        if found is None:
            unknown += 1
            rest = _after_prefix(token)
            slots += rest
            known += [token] if rest else []
        elif found:
            slots += found
            known.append(token)
    choices = list(product(*slots))[:READINGS_MAX] if slots else []
    return [frozenset(choice) for choice in choices], unknown, tuple(known)


def _tokens(header: str) -> list[str]:
    """Words and numbers, lower case, without accents; a family of capitals is one word."""
    plain = unicodedata.normalize("NFKD", header).encode("ascii", "ignore").decode()
    plain = re.sub(r"#\d+$", "", plain)  # the reader's mark of a second column of that name
    plain = re.sub(r"(?i)\be[-_ ]?mail", "email", plain)
    plain = re.sub(r"(?i)(?<![a-z])(po|p\.o\.)[-_ ]?box", "pobox", plain)
    plain = re.sub(r"(?i)opt[-_ ]?(out|in)(?=[^a-z]|[A-Z]|$)", r" opt\1 ", plain)
    plain = re.sub(r"(?i)(?<![a-z])as[-_ ]?of(?![a-z])|(?<=[a-z])AsOf(?![a-z])", " asof ", plain)
    plain = re.sub(r"(?i)next[-_ ]?of[-_ ]?kin", " nextofkin ", plain)
    plain = re.sub(r"(?i)(?<![a-z])m/f(?![a-z])", "mf", plain)
    plain = re.sub(r"\b(?:[A-Za-z]\.){2,}", lambda found: found[0].replace(".", ""), plain)
    tokens = []
    for part in re.split(r"[^A-Za-z0-9]+", plain):
        pieces = _PIECES.findall(part)
        if part.lower() in WORDS:
            pieces = [part]
        tokens += [_NUMBERS.get(piece.lower(), piece.lower()) for piece in _with_initials(pieces)]
    return [token for token in tokens if token]


def _with_initials(pieces: list[str]) -> list[str]:
    """`Guardian`, `F`, `Name` are `Guardian`, `FName`."""
    found: list[str] = []
    for piece in pieces:
        if found and found[-1].lower() in {"f", "l", "m"} and piece.lower() in {"name", "nm"}:
            found[-1] += piece
        else:
            found.append(piece)
    return found


def _meanings(token: str) -> list[tuple[str, ...]] | None:
    """Concepts of each word in a token; empty where it says nothing; None where it is unknown."""
    if token.isdigit():
        number = token.lstrip("0")
        return [(number,)] if number in {"1", "2", "3"} else []
    if token in WORDS:
        return [WORDS[token]]
    if token in IGNORED:
        return []
    pieces = _segments(token)
    if pieces:
        return [WORDS[piece] for piece in pieces if piece in WORDS]
    skeleton = _by_skeleton(token)
    return [skeleton] if skeleton else None


@cache
def _segments(token: str) -> tuple[str, ...]:
    """The fewest known words that make up a token written together; none where there are none."""
    best: list[tuple[str, ...] | None] = [()] + [None] * len(token)
    for end in range(1, len(token) + 1):
        for begin in range(max(0, end - 16), end):
            piece, before = token[begin:end], best[begin]
            if before is None or not _may_be_part(piece, begin):
                continue
            found = (*before, SINGLE.get(piece, piece) if len(piece) == 1 else piece)
            now = best[end]
            if now is None or len(found) < len(now):
                best[end] = found
    whole = best[-1]
    return whole if whole and len(whole) <= 4 else ()


def _may_be_part(piece: str, begin: int) -> bool:
    if len(piece) == 1:
        return begin == 0 and piece in SINGLE
    if piece in SHORT:
        return True
    return len(piece) >= WORD_LETTERS_MIN and (piece in WORDS or piece in IGNORED)


@cache
def _by_skeleton(token: str) -> tuple[str, ...]:
    """A word shortened by leaving out vowels (`brthdt`) or its end (`addre`), where only one fits."""
    if len(token) < WORD_LETTERS_MIN:
        return ()
    fits = {
        concepts
        for word, concepts in WORDS.items()
        if (len(token) >= 4 and word.startswith(token)) or _skeleton(word) == token
    }
    return next(iter(fits)) if len(fits) == 1 else ()


def _after_prefix(token: str) -> tuple[tuple[str, ...], ...]:
    """What a word means without a letter or two of somebody's own before it: `ufname`, `upcity`."""
    rests = [token[cut:] for cut in (1, 2) if len(token) - cut > WORD_LETTERS_MIN]
    found = next((WORDS[rest] for rest in rests if rest in WORDS), ())
    if found:
        return (found,)
    pieces = next((_segments(rest) for rest in rests if _segments(rest)), ())
    return tuple(WORDS[piece] for piece in pieces if piece in WORDS)


def _skeleton(word: str) -> str:
    return word[:1] + re.sub(r"[aeiou]", "", word[1:])
