"""How well a column's values fit each target, in bits: for it above 0, against it below.

In: one Profile. Out: bits by target. A target that is not named here takes no evidence from values.
The numbers are judgements of likelihood ratios, capped where other meanings share the shape.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from matching.propose.profile import Profile

__all__ = ["NON_EXCLUSIVE", "value_bits"]

RULED_OUT = -10.0
"""Values that cannot be this: more than any header outweighs silently."""
FEW = 5
"""Fewer filled rows show a shape, not a share."""


def _fit(share: float, good: float, bad: float) -> float:
    """`good` where nearly all values have the shape, `bad` where none has; slips and gaps in between."""
    return float(
        np.interp(share, [0, 0.25, 0.55, 0.85, 0.97], [bad, 0.6 * bad, 0, 0.8 * good, good])
    )


def _name(p: Profile, *, first: bool) -> float:
    bits = _fit(p.of("letters"), 0, RULED_OUT)
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


def _full_name(p: Profile) -> float:
    bits = float(np.interp(p.of("full"), [0, 0.2, 0.5, 0.8], [-4, 1, 5, 7])) + _fit(
        p.of("two_words"), 0, -5
    )
    bits -= 8 * (p.of("company") > 0.3) + 5 * (p.of("city") > 0.7) + 6 * (p.of("provider") > 0.3)
    return bits - (4 if p.filled > 100 and p.unique < 0.15 else 0)


def _id(p: Profile) -> float:
    bits = _fit(p.of("code", "hex"), 1, -8)
    bits -= 6 * (p.dates.share > 0.8) + 6 * (p.of("phone") > 0.9 and p.of("phone_marks") > 0.5)
    return (
        bits
        - 6 * (p.of("ssn_dashed") > 0.8)
        - 6 * (p.of("money") > 0.8)
        - 4 * (p.of("street") > 0.5)
    )


def _number_of_person(p: Profile) -> float:
    """Chart and member numbers: codes, most of them of one person only."""
    bits = _id(p)
    if p.filled >= FEW:
        bits += float(np.interp(p.unique, [0, 0.05, 0.3, 0.7], [-8, -4, 0, 1]))
    return bits - 3 * (p.of("zip_known") > 0.8 and p.length_max <= 5)


def _record_id(p: Profile) -> float:
    once = p.unique >= 0.999 and p.fill >= 0.999 and p.filled >= FEW
    if p.filled < FEW:
        return _id(p)
    nearly = p.unique >= 0.97 and p.fill >= 0.999
    return _id(p) + (3 if once else 0.5 if nearly else -5)


def _id_of_practice(p: Profile) -> float:
    bits = _id(p)
    if p.filled >= 50:
        bits += 1 if p.unique < 0.3 else -6 if p.unique > 0.8 else -1
    return bits - 4 * (p.of("zip_known") > 0.8 and p.length_max <= 5)


def _date(p: Profile) -> float:
    return _fit(p.dates.share, 2, RULED_OUT - 2)


def _birth(p: Profile) -> float:
    spread = p.dates.year_high - p.dates.year_low
    if p.dates.share < 0.3:
        return _date(p)
    wide = float(np.interp(spread, [3, 12, 25, 45], [-8, -4, 1, 6]))
    return _date(p) + wide - 3 * (p.dates.year_high > 2035)


def _recent(p: Profile, *, often: bool | None = None) -> float:
    """Days of dealings: within some years. `often`: expected in most rows, or in few."""
    bits = _date(p)
    if p.dates.share >= 0.3:
        bits += float(np.interp(p.dates.year_high - p.dates.year_low, [12, 30, 50], [1, -2, -6]))
    if often is not None:
        bits += (0.5 if p.fill > 0.5 else -1) if often else (1 if p.fill < 0.25 else -3)
    return bits


def _deceased(p: Profile) -> float:
    bits = max(_recent(p, often=False), _fit(p.of("yes_no"), -1, -8))
    return bits - 3 * (p.dates.share > 0.5 and p.fill > 0.4)


def _phone(p: Profile) -> float:
    bits = _fit(p.of("phone"), 6, RULED_OUT - 2) + (1 if p.of("phone_marks") > 0.8 else 0)
    return bits - 10 * (p.of("npi") > 0.9)


def _own_phone(p: Profile) -> float:
    shared = p.filled >= 50 and p.unique < 0.12
    return _phone(p) - (5 if shared else 0)


def _practice_phone(p: Profile) -> float:
    if p.filled < 50:
        return _phone(p) - 2
    return _phone(p) + float(np.interp(p.unique, [0.05, 0.2, 0.5, 0.8], [2, 0, -3, -6]))


def _own_email(p: Profile) -> float:
    return _fit(p.of("email"), 9, RULED_OUT - 2) - (5 if p.filled >= 50 and p.unique < 0.12 else 0)


def _practice_email(p: Profile) -> float:
    bits = _fit(p.of("email"), 5, -6)
    return bits + (2 if p.unique < 0.2 else -6 if p.unique > 0.5 else -1) * (p.filled >= 50)


def _street(p: Profile) -> float:
    if p.of("whole_address") > 0.3:
        return -1.0  # town and ZIP are in it, too
    bits = _fit(p.of("street"), 5, -8) + float(np.interp(p.of("street_word"), [0.2, 0.6], [0, 2]))
    return bits - 8 * (p.of("unit") > 0.6 and p.of("pobox") < 0.3) - 6 * (p.dates.share > 0.5)


def _street_name(p: Profile) -> float:
    bits = float(np.interp(p.of("street_word"), [0.1, 0.6], [-1, 5])) - 8 * (p.of("street") > 0.6)
    return bits - 8 * p.of("number") - 5 * (p.of("city") > 0.7) - 5 * (p.of("unit") > 0.6)


def _house(p: Profile) -> float:
    odd = p.of("zip_known") > 0.6 and p.length_max <= 5 and p.length_mean > 4.5
    return _fit(p.of("house"), 1, -8) - (4 if odd else 0) - (4 if p.distinct < 20 < p.filled else 0)


def _unit(p: Profile) -> float:
    bits = float(np.interp(p.of("unit"), [0, 0.15, 0.6], [-4, 2, 7]))
    bits -= (
        5 * (p.dates.share > 0.5) + 6 * (p.of("email", "phone") > 0.5) + 4 * (p.of("first") > 0.7)
    )
    return bits + (0.5 if p.fill < 0.6 else -1)


def _city(p: Profile) -> float:
    bits = _fit(p.of("letters"), 0, -8) + float(
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


def _state(p: Profile) -> float:
    if p.of("state") > 0.5:
        yes_or_sex = p.of("sex", "yes_no") > 0.9
        return _fit(p.of("state"), 7, -8) - 8 * yes_or_sex
    short = p.of("letters") > 0.9 and p.length_max <= 4 and 4 < p.distinct <= 120
    return 1.0 if short else -8.0


def _zip(p: Profile) -> float:
    if p.of("zip") < 0.6:
        return -8.0
    if p.of("zip_known") < 0.7 and p.length_max == round(p.length_mean):
        return 1.5  # four or five digits of another country, or made up
    bits = float(np.interp(p.of("zip_known"), [0.2, 0.5, 0.9], [-1, 1, 6]))
    return bits - 3 * (p.unique > 0.97 and p.filled > 300) - 6 * (p.length_max > 10)


def _sex(p: Profile) -> float:
    if p.of("sex") > 0.85 and p.distinct <= 12:
        return 8.0
    return -1.0 if p.distinct <= 5 and p.length_max <= 2 else RULED_OUT


def _ssn(p: Profile) -> float:
    bits = _fit(p.of("ssn"), 3, RULED_OUT) + (6 if p.of("ssn_dashed") > 0.8 else 0)
    if p.of("masked") > 0.6:
        return 4.0
    last_four = p.of("integer") > 0.9 and p.length_max == 4
    bits = -1.0 if last_four else bits
    return bits - 3 * (p.unique < 0.3 and p.filled > 50)


def _list(shape: str, good: float, bad: float, most: int) -> Callable[[Profile], float]:
    """Values that a closed list names, of few kinds."""

    def bits(p: Profile) -> float:
        return _fit(p.of(shape), good, bad) - (6 if p.distinct > most else 0)

    return bits


def _language(p: Profile) -> float:
    bits = _list("language", 6, -8, 60)(p) - 5 * (p.of("sex", "yes_no") > 0.9)
    return bits - 5 * (p.of("state") > 0.9 and p.distinct > 6)


def _country(p: Profile) -> float:
    return _list("country", 4, -8, 200)(p) - 5 * (p.of("state") > 0.9 and p.distinct > 3)


def _provider(p: Profile) -> float:
    bits = float(np.interp(p.of("provider"), [0, 0.1, 0.6], [-3, 0, 8]))
    if p.of("full") > 0.5 and p.filled >= 50 and p.unique < 0.2:
        bits = max(bits, 2.0)
    if p.of("code") > 0.9 and p.unique < 0.3:
        bits = max(bits, -1.0)
    return bits - 8 * (p.dates.share > 0.5) - 8 * (p.of("phone", "email") > 0.5)


def _hint(p: Profile) -> float:
    bits = float(np.interp(p.of("company"), [0, 0.2, 0.6], [-3, 1, 7]))
    bits -= (
        8 * (p.of("code", "number") > 0.6)
        + 8 * (p.dates.share > 0.5)
        + 6 * (p.of("email", "phone") > 0.5)
    )
    bits -= 5 * (p.of("insurer") > 0.3) + 6 * (p.of("procedure") > 0.5) + 6 * (p.of("street") > 0.5)
    return bits - (4 if p.unique > 0.9 and p.filled > 50 else 0) - 6 * (p.words_mean > 9)


def _consent_on(p: Profile) -> float:
    return max(_recent(p), -2.0 if p.of("yes_no") > 0.9 else RULED_OUT)


def _flag(p: Profile) -> float:
    if p.of("yes_no") < 0.9:
        return -3.0
    return 4.3 if p.fill < 0.1 and p.distinct == 1 else 1.0 if p.fill < 0.2 else 0.0


def _text(p: Profile) -> float:
    long = float(np.interp(p.words_mean, [2, 4, 6, 9], [-6, -1, 4, 7]))
    bits = max(long, 4.0 if p.length_max > 120 and p.words_mean > 2.5 else -6.0)
    bits -= 8 * (p.of("street") > 0.6) + 6 * (p.of("company") > 0.6) + 8 * (p.dates.share > 0.6)
    return bits - 3 * (p.unique < 0.02 and p.filled > 100)


def _sparse(bits: float, p: Profile, at: float = 0.3) -> float:
    return bits + (0.5 if p.fill < at else -3)


_TARGETS: dict[str, Callable[[Profile], float]] = {
    "record_id": _record_id,
    "entity_id": _id_of_practice,
    "location_id": _id_of_practice,
    "tenant_id": _id_of_practice,
    "mrn": lambda p: _number_of_person(p) + 2 * (p.unique > 0.8 and p.fill > 0.3 and p.filled > 20 and p.of("zip") < 0.9),
    "member_id": lambda p: _number_of_person(p) + 0.5 * (p.length_mean > 7),
    "entity_hint": _hint,
    "entity_hint#city": lambda p: _city(p) - 1,
    "entity_hint#state": lambda p: _state(p) - 1,
    "entity_npi": lambda p: _fit(p.of("npi"), 10, RULED_OUT - 2),
    "entity_phone": _practice_phone,
    "entity_email": _practice_email,
    "role": lambda p: _list("role", 8, -6, 25)(p),
    "elements": _list("element", 9, -6, 300),
    "first_name": lambda p: _name(p, first=True),
    "middle_name": lambda p: max(
        _name(p, first=True) - 1.5 + (1 if p.fill < 0.8 else 0) if p.of("initial") < 0.2 else -5.0,
        float(np.interp(p.of("initial"), [0.2, 0.5], [0, 6])) - 9 * (p.of("sex", "yes_no") > 0.9 and p.distinct < 5),
    ),
    "last_name": lambda p: _name(p, first=False),
    "suffix": lambda p: _list("generation", 8, -8, 20)(p) - 3 * (p.fill > 0.7),
    "previous_last_name": lambda p: _name(p, first=False) - 1 + (1 if p.fill < 0.4 else -3),
    "alias_names": lambda p: _fit(p.of("letters"), 0, -8) - 1,
    "full_name": _full_name,
    "date_of_birth": _birth,
    "birth_order": lambda p: 1.0 if p.of("integer") > 0.9 and p.length_max == 1 else -8.0,
    "sex": _sex,
    "ssn": _ssn,
    "street": _street,
    "street#number": _house,
    "street#name": _street_name,
    "street2": _unit,
    "city": _city,
    "state": _state,
    "zip": _zip,
    "country": _country,
    "address_as_of": lambda p: _recent(p, often=True) - 0.5,
    "alternate_street": lambda p: _sparse(_street(p), p),
    "alternate_city": lambda p: _sparse(_city(p), p),
    "alternate_state": lambda p: _sparse(_state(p), p),
    "alternate_zip": lambda p: _sparse(_zip(p), p),
    "phone": lambda p: _own_phone(p) + (0.5 if p.fill > 0.6 else 0),
    "phone2": lambda p: _own_phone(p) - (0.5 if p.fill > 0.8 else 0),
    "email": _own_email,
    "guardian_first_name": lambda p: _sparse(_name(p, first=True), p, 0.6),
    "guardian_last_name": lambda p: _sparse(_name(p, first=False), p, 0.6),
    "representative_name": lambda p: _sparse(_full_name(p), p, 0.2),
    "representative_street": lambda p: _sparse(_street(p), p, 0.2),
    "representative_city": lambda p: _sparse(_city(p), p, 0.2),
    "representative_state": lambda p: _sparse(_state(p), p, 0.2),
    "representative_zip": lambda p: _sparse(_zip(p), p, 0.2),
    "deceased_on": _deceased,
    "language": _language,
    "alt_format": lambda p: float(np.interp(p.of("format"), [0, 0.5], [-5, 9])),
    "email_consent_on": _consent_on,
    "email_consent_scope": lambda p: float(np.interp(p.of("scope"), [0, 0.8], [-5, 8])),
    "email_consent_withdrawn_on": lambda p: _recent(p, often=False),
    "confidential_address": _flag,
    "last_visit_on": lambda p: _recent(p, often=True) + 0.5,
    "provider": _provider,
}  # fmt: skip

NON_EXCLUSIVE: dict[str, Callable[[Profile], float]] = {
    "kind:diagnosis": lambda p: max(
        _fit(p.of("icd10"), 8, -3), float(np.interp(p.of("disease"), [0.05, 0.4], [-3, 6]))
    ),
    "kind:treatment": lambda p: max(
        _fit(p.of("cdt"), 9, -3),
        float(np.interp(p.of("procedure"), [0.05, 0.5], [-3, 7])),
        2.0 if p.of("cpt") > 0.9 and p.of("zip_known") < 0.5 and p.unique < 0.2 else -3.0,
    ),
    "kind:medication": lambda p: max(
        _fit(p.of("ndc"), 9, -3), float(np.interp(p.of("medicine"), [0.05, 0.4], [-3, 6]))
    ),
    "kind:insurance": lambda p: float(np.interp(p.of("insurer"), [0.05, 0.4], [-2, 7])),
    "kind:payment": lambda p: float(np.interp(p.of("money"), [0.3, 0.8], [-2, 6])),
    "kind:card": lambda p: _fit(p.of("card"), 11, -3),
    "kind:bank_account": lambda p: _fit(p.of("aba"), 7, -3),
    "kind:photo": lambda p: float(np.interp(p.of("image"), [0.1, 0.6], [-3, 9])),
    "kind:driver_license": lambda p: _fit(p.of("license"), 5, -3),
    "kind:appointment": lambda p: 5.0 if p.of("time") > 0.8 else -1.0,
    "kind:name": lambda p: 0.0,
    "kind:contact": lambda p: 0.0,
    "kind:guardian": lambda p: 0.0,
    "kind:representative": lambda p: 0.0,
    "kind:provider": lambda p: 0.0,
    "text": _text,
    "extra": lambda p: _technical(p),
}
"""What several columns of a table may be at once."""


def _technical(p: Profile) -> float:
    """Keys of programs, links, flags and constants."""
    if p.of("hex", "url") > 0.8:
        return 5.0
    if p.of("yes_no") > 0.97 and p.distinct > 1:
        return 3.0
    if p.distinct <= 1 and p.filled > 20:
        return 2.0
    return 1.0 if p.of("number") > 0.95 and p.distinct <= 12 and p.filled > 50 else 0.0


def value_bits(profile: Profile) -> dict[str, float]:
    """Bits by target; an empty column says nothing about any."""
    scores = {**_TARGETS, **NON_EXCLUSIVE}
    if not profile.filled:
        return dict.fromkeys(scores, 0.0)
    weight = min(1.0, 0.4 + 0.6 * profile.filled / FEW)
    return {target: weight * float(score(profile)) for target, score in scores.items()}
