"""Bits for and against a meaning by the shapes of values: one function a shape of evidence.

In: one Profile. Numbers are judgements of likelihood ratios, capped where other meanings share the shape.
Longer than a module should be: a list of small judgements, one a meaning, that are weighed against each other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matching.propose.profile import Profile

__all__ = [
    "FEW",
    "RULED_OUT",
    "birth_fit",
    "city_fit",
    "consent_on_fit",
    "country_fit",
    "date_fit",
    "deceased_fit",
    "fit",
    "flag_fit",
    "full_name_fit",
    "hint_fit",
    "house_fit",
    "id_fit",
    "id_of_practice_fit",
    "language_fit",
    "listed",
    "name_fit",
    "number_of_person_fit",
    "own_email_fit",
    "own_phone_fit",
    "phone_fit",
    "practice_email_fit",
    "practice_phone_fit",
    "provider_fit",
    "recent_fit",
    "record_id_fit",
    "sex_fit",
    "sparse",
    "ssn_fit",
    "state_fit",
    "street_fit",
    "street_name_fit",
    "technical_fit",
    "text_fit",
    "told_by_header",
    "unit_fit",
    "zip_fit",
]

RULED_OUT = -10.0
"""Values that cannot be this: more than any header outweighs silently."""
FEW = 5
"""Fewer filled rows show a shape, not a share."""


def fit(share: float, good: float, bad: float) -> float:
    """`good` where nearly all values have the shape, `bad` where none has; slips and gaps in between."""
    return float(
        np.interp(share, [0, 0.25, 0.55, 0.85, 0.97], [bad, 0.6 * bad, 0, 0.8 * good, good])
    )


def name_fit(p: Profile, *, first: bool) -> float:
    """Given or family names: letters, words of the census lists, which of the two."""
    bits = fit(p.of("letters"), 0, RULED_OUT)
    lists = p.of("first") if first else p.of("last")
    bits += float(np.interp(lists, [0, 0.3, 0.7, 0.95], [-1, 0, 3, 5]))
    bits += float(np.clip(p.first_bits if first else -p.first_bits, -6, 6)) * 0.6
    bits -= 4 * p.of("initial") + 6 * (p.of("sex") > 0.9) + 6 * (p.of("state") > 0.9)
    if p.of("company") > 0.3 or p.words_mean > 1.9:
        bits -= 5
    if p.of("element", "role", "language", "scope", "format") > 0.8:
        bits -= 6
    if p.of("city") > 0.9 and lists < 0.6:
        bits -= 5
    return bits - (4 if p.filled > 100 and p.distinct < 8 else 0)


def full_name_fit(p: Profile) -> float:
    """Given and family name in one."""
    bits = float(np.interp(p.of("full"), [0, 0.2, 0.5, 0.8], [-4, 1, 5, 7])) + fit(
        p.of("two_words"), 0, -5
    )
    bits -= 8 * (p.of("company") > 0.3) + 5 * (p.of("city") > 0.7) + 6 * (p.of("provider") > 0.3)
    return bits - (4 if p.filled > 100 and p.unique < 0.15 else 0)


def id_fit(p: Profile) -> float:
    """Codes, and nothing of another known shape."""
    bits = fit(p.of("code", "hex"), 1, -8)
    bits -= 6 * (p.dates.share > 0.8) + 6 * (p.of("phone") > 0.9 and p.of("phone_marks") > 0.5)
    return (
        bits
        - 6 * (p.of("ssn_dashed") > 0.8)
        - 6 * (p.of("money") > 0.8)
        - 4 * (p.of("street") > 0.5)
    )


def number_of_person_fit(p: Profile) -> float:
    """Chart and member numbers: codes, most of them of one person only."""
    bits = id_fit(p)
    if p.filled >= FEW:
        bits += float(np.interp(p.unique, [0, 0.05, 0.3, 0.7], [-8, -4, 0, 1]))
    return bits - 3 * (p.of("zip_known") > 0.8 and p.length_max <= 5)


def record_id_fit(p: Profile) -> float:
    """A key of the row: no value twice, none missing."""
    once = p.unique >= 0.999 and p.fill >= 0.999 and p.filled >= FEW
    if p.filled < FEW:
        return id_fit(p)
    nearly = p.unique >= 0.97 and p.fill >= 0.999
    return id_fit(p) + (3 if once else 0.5 if nearly else -5)


def id_of_practice_fit(p: Profile) -> float:
    """Codes of few practices, over and over."""
    bits = id_fit(p)
    if p.filled >= 50:
        bits += 1 if p.unique < 0.3 else -6 if p.unique > 0.8 else -1
    return bits - 4 * (p.of("zip_known") > 0.8 and p.length_max <= 5)


def date_fit(p: Profile) -> float:
    """Dates."""
    return fit(p.dates.share, 2, RULED_OUT - 2)


def birth_fit(p: Profile) -> float:
    """Days over many years."""
    spread = p.dates.year_high - p.dates.year_low
    if p.dates.share < 0.3:
        return date_fit(p)
    wide = float(np.interp(spread, [3, 12, 25, 45], [-8, -4, 1, 6]))
    return date_fit(p) + wide - 3 * (p.dates.year_high > 2035)


def recent_fit(p: Profile, *, often: bool | None = None) -> float:
    """Days of dealings: within some years. `often`: expected in most rows, or in few."""
    bits = date_fit(p)
    if p.dates.share >= 0.3:
        bits += float(np.interp(p.dates.year_high - p.dates.year_low, [12, 30, 50], [1, -2, -6]))
    if often is not None:
        bits += (0.5 if p.fill > 0.5 else -1) if often else (1 if p.fill < 0.25 else -3)
    return bits


def deceased_fit(p: Profile) -> float:
    """Few days, or yes and no."""
    bits = max(recent_fit(p, often=False), fit(p.of("yes_no"), -1, -8))
    return bits - 3 * (p.dates.share > 0.5 and p.fill > 0.4)


def phone_fit(p: Profile) -> float:
    """North American telephone numbers."""
    bits = fit(p.of("phone"), 6, RULED_OUT - 2) + (1 if p.of("phone_marks") > 0.8 else 0)
    return bits - 10 * (p.of("npi") > 0.9)


def own_phone_fit(p: Profile) -> float:
    """A person's own: not one number on many rows."""
    shared = float(np.interp(p.unique, [0.03, 0.12, 0.2], [10, 5, 0])) if p.filled >= 50 else 0
    return phone_fit(p) - shared


def practice_phone_fit(p: Profile) -> float:
    """A practice's: few numbers on many rows."""
    if p.filled < 50:
        return phone_fit(p) - 2
    return phone_fit(p) + float(np.interp(p.unique, [0.05, 0.2, 0.5, 0.8], [2, 0, -3, -6]))


def own_email_fit(p: Profile) -> float:
    """A person's own address."""
    return fit(p.of("email"), 9, RULED_OUT - 2) - (5 if p.filled >= 50 and p.unique < 0.12 else 0)


def practice_email_fit(p: Profile) -> float:
    """A practice's address: few on many rows."""
    bits = fit(p.of("email"), 5, -6)
    return bits + (2 if p.unique < 0.2 else -6 if p.unique > 0.5 else -1) * (p.filled >= 50)


def street_fit(p: Profile) -> float:
    """Delivery lines: a number and a street, or a box."""
    if p.of("whole_address") > 0.3:
        return -1.0  # town and ZIP are in it, too
    bits = fit(p.of("street"), 5, -8) + float(np.interp(p.of("street_word"), [0.2, 0.6], [0, 2]))
    return bits - 8 * (p.of("unit") > 0.6 and p.of("pobox") < 0.3) - 6 * (p.dates.share > 0.5)


def street_name_fit(p: Profile) -> float:
    """Streets without a house number."""
    bits = float(np.interp(p.of("street_word"), [0.1, 0.6], [-1, 5])) - 8 * (p.of("street") > 0.6)
    return bits - 8 * p.of("number") - 5 * (p.of("city") > 0.7) - 5 * (p.of("unit") > 0.6)


def house_fit(p: Profile) -> float:
    """House numbers."""
    odd = p.of("zip_known") > 0.6 and p.length_max <= 5 and p.length_mean > 4.5
    return fit(p.of("house"), 1, -8) - (4 if odd else 0) - (4 if p.distinct < 20 < p.filled else 0)


def unit_fit(p: Profile) -> float:
    """Apartments, suites, boxes."""
    bits = float(np.interp(p.of("unit"), [0, 0.15, 0.6], [-4, 2, 7]))
    bits -= (
        5 * (p.dates.share > 0.5) + 6 * (p.of("email", "phone") > 0.5) + 4 * (p.of("first") > 0.7)
    )
    return bits + (0.5 if p.fill < 0.6 else -1)


def city_fit(p: Profile) -> float:
    """Post towns, or words that are no names of people."""
    bits = fit(p.of("letters"), 0, -8) + float(
        np.interp(p.of("city"), [0, 0.4, 0.8, 0.95], [-2, 0, 4, 6])
    )
    bits -= (
        8 * (p.of("state") > 0.85) + 6 * (p.of("company") > 0.3) + 6 * (p.of("sex", "role") > 0.9)
    )
    unlisted = (
        p.of("letters") > 0.9
        and max(p.of("first"), p.of("last"), p.of("city")) < 0.6
        and p.distinct > 10
    )
    bits += 3.5 * unlisted  # towns of other countries
    return bits - float(np.interp(p.first_bits, [2, 4], [0, 5])) - 4 * p.of("initial")


def state_fit(p: Profile) -> float:
    """Codes or names of states."""
    if p.of("state") > 0.5:
        yes_or_sex = p.of("sex", "yes_no") > 0.9
        return fit(p.of("state"), 7, -8) - 8 * yes_or_sex
    short = p.of("letters") > 0.9 and p.length_max <= 4 and 4 < p.distinct <= 120
    return 1.0 if short else -8.0


def zip_fit(p: Profile) -> float:
    """ZIP codes in use, or codes like them."""
    if p.of("zip") < 0.6:
        return -8.0
    if p.of("zip_known") < 0.7 and p.length_max <= 5 and p.length_mean >= 3.8:
        return 2.2  # four or five digits of another country, or made up
    bits = float(np.interp(p.of("zip_known"), [0.2, 0.5, 0.9], [-1, 1, 6]))
    return bits - 3 * (p.unique > 0.97 and p.filled > 300) - 6 * (p.length_max > 10)


def sex_fit(p: Profile) -> float:
    """Words for sex."""
    if p.of("sex") > 0.85 and p.distinct <= 12:
        return 8.0
    return -1.0 if p.distinct <= 5 and p.length_max <= 2 else RULED_OUT


def ssn_fit(p: Profile) -> float:
    """Nine digits by the rules of SSNs, or masked ones."""
    bits = fit(p.of("ssn"), 3, RULED_OUT) + (6 if p.of("ssn_dashed") > 0.8 else 0)
    if p.of("masked") > 0.6:
        return 4.0
    last_four = p.of("integer") > 0.9 and p.length_max == 4
    other_number = p.of("integer") > 0.9 and 6 <= p.length_mean <= 9 and p.unique > 0.5
    bits = -1.0 if last_four else max(bits, -3.0) if other_number else bits
    return bits - 3 * (p.unique < 0.3 and p.filled > 50)


def listed(shape: str, good: float, bad: float, most: int) -> Callable[[Profile], float]:
    """Values that a closed list names, of few kinds."""

    def bits(p: Profile) -> float:
        return fit(p.of(shape), good, bad) - (6 if p.distinct > most else 0)

    return bits


def language_fit(p: Profile) -> float:
    """Languages, not states."""
    bits = listed("language", 6, -8, 60)(p) - 5 * (p.of("sex", "yes_no") > 0.9)
    return bits - 5 * (p.of("state") > 0.9 and p.distinct > 6)


def country_fit(p: Profile) -> float:
    """Countries, not states."""
    return listed("country", 4, -8, 200)(p) - 5 * (p.of("state") > 0.9 and p.distinct > 3)


def provider_fit(p: Profile) -> float:
    """Names with a title, few of them."""
    bits = float(np.interp(p.of("provider"), [0, 0.1, 0.6], [-3, 0, 8]))
    if p.of("full") > 0.5 and p.filled >= 50 and p.unique < 0.2:
        bits = max(bits, 2.0)
    if p.of("code") > 0.9 and p.unique < 0.3:
        bits = max(bits, -1.0)
    return bits - 8 * (p.dates.share > 0.5) - 8 * (p.of("phone", "email") > 0.5)


def hint_fit(p: Profile) -> float:
    """Names of businesses."""
    bits = float(np.interp(p.of("company"), [0, 0.2, 0.6], [-3, 1, 7]))
    bits -= (
        8 * (p.of("code", "number") > 0.6)
        + 8 * (p.dates.share > 0.5)
        + 6 * (p.of("email", "phone") > 0.5)
    )
    bits -= 5 * (p.of("insurer") > 0.3) + 6 * (p.of("procedure") > 0.5) + 6 * (p.of("street") > 0.5)
    return bits - (4 if p.unique > 0.9 and p.filled > 50 else 0) - 6 * (p.words_mean > 9)


def consent_on_fit(p: Profile) -> float:
    """Recent days, or yes and no."""
    return max(recent_fit(p), -2.0 if p.of("yes_no") > 0.9 else RULED_OUT)


def flag_fit(p: Profile) -> float:
    """Yes, of few."""
    if p.of("yes_no") < 0.9:
        return -3.0
    return 4.3 if p.fill < 0.1 and p.distinct == 1 else 1.0 if p.fill < 0.2 else 0.0


def text_fit(p: Profile) -> float:
    """Sentences."""
    long = float(np.interp(p.words_mean, [2, 4, 6, 9], [-6, -1, 4, 7]))
    bits = max(long, 4.0 if p.length_max > 120 and p.words_mean > 2.5 else -6.0)
    bits -= 8 * (p.of("street") > 0.6) + 6 * (p.of("company") > 0.6) + 8 * (p.dates.share > 0.6)
    return bits - 3 * (p.unique < 0.02 and p.filled > 100)


def technical_fit(p: Profile) -> float:
    """Keys of programs, links, flags and constants."""
    if p.of("hex", "url") > 0.8:
        return 5.0
    if p.of("phone", "email", "ssn_dashed") > 0.6:
        return -5.0
    if p.of("yes_no") > 0.97 and p.distinct > 1:
        return 3.0
    if p.distinct <= 1 and p.filled > 20:
        return 2.0
    return 1.0 if p.of("number") > 0.95 and p.distinct <= 12 and p.filled > 50 else 0.0


def told_by_header(p: Profile) -> float:
    """Anything but short numbers, which are keys of other tables."""
    return -1.0 if p.of("number") > 0.9 and p.length_max < 7 else 0.0


def sparse(bits: float, p: Profile, at: float = 0.3) -> float:
    """The same for what few rows have."""
    return bits + (0.5 if p.fill < at else -3)
