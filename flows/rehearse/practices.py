"""The covered entities of a rehearsal: how many, how large, where, and what became of them.

Goes out: `entities.csv` and `delegation.csv` (the roster of the incident) and `Practices`, the
columns that rows are made from. A practice is its position: largest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from flows.rehearse.pools import Places
from flows.rehearse.profiles import Profile
from flows.rehearse.wordlists import PRACTICE_NAMES, PRACTICE_TAILS

__all__ = [
    "HINTS",
    "LOCATIONS",
    "PROVIDERS",
    "Practices",
    "delegation_rows",
    "make_practices",
    "practice_count",
    "roster_rows",
]

Ints = NDArray[np.int64]

# 40 practices for 20,000 people and about 1,000 for a million: vendors grow by small practices.
_PER_20000: Final = 40
_GROWTH: Final = 0.823
_TINY: Final = 4  # practices with a handful of patients, for the ten-person test
_GROUP: Final = 9  # of nine neighbours in size, three belong to one parent
HINTS: Final = 6  # ways in which people write one practice's name
LOCATIONS: Final = 4  # at most
PROVIDERS: Final = 3  # who treat at a practice


@dataclass(frozen=True, slots=True)
class Practices:
    """One element per practice, largest first; `group` is -1 where it has no parent."""

    entity_id: pl.Series
    print_name: pl.Series
    legal_name: pl.Series
    hints: pl.Series  # HINTS per practice, one after the other
    cumulative: NDArray[np.float64]
    place: Ints
    owner: Ints  # itself, or the practice that took it over before the breach
    closed: NDArray[np.bool_]
    group: Ints
    tenant: pl.Series
    locations: Ints
    code: Ints
    phone: Ints
    npi: pl.Series
    chart_offset: Ints
    city: pl.Series
    state: pl.Series
    zip: pl.Series
    chart_mark: pl.Series  # what every second practice writes before a chart number
    location_words: pl.Series  # LOCATIONS per practice, one after the other
    provider_words: pl.Series  # PROVIDERS per practice, one after the other


def practice_count(people: int) -> int:
    """How many practices serve this many people."""
    return max(12, round(_PER_20000 * float((people / 20_000) ** _GROWTH)))


def _weights(rng: np.random.Generator, count: int, people: int) -> NDArray[np.float64]:
    """Cumulative shares of patients: log-normal, the last few with about six patients each."""
    sizes = np.sort(rng.lognormal(0.0, 1.25, count))[::-1].copy()
    sizes[: count - _TINY] += sizes.mean() * 0.05
    sizes /= sizes.sum()
    sizes[-_TINY:] = min(3.0 / people, float(sizes[-_TINY - 1]))
    return np.cumsum(sizes / sizes.sum())


def _npi(rng: np.random.Generator, count: int) -> pl.Series:
    """Ten digits with the check digit of 45 CFR 162.406 (Luhn over the prefix 80840)."""
    digits = rng.integers(0, 10, (count, 9))
    digits[:, 0] = 1
    doubled = digits[:, ::-2] * 2
    total = 24 + (doubled // 10 + doubled % 10).sum(axis=1) + digits[:, -2::-2].sum(axis=1)
    number = digits @ (10 ** np.arange(8, -1, -1))
    return pl.Series("npi", number * 10 + (-total) % 10).cast(pl.String)


def draw_phones(rng: np.random.Generator, area_code: Ints) -> Ints:
    """Ten-digit numbers in these area codes; never the fictitious exchange 555."""
    exchange = rng.integers(212, 554, len(area_code))
    exchange = np.where(exchange % 100 == 11, exchange + 1, exchange)  # 211, 311 ... are services
    return area_code * 10_000_000 + exchange * 10_000 + rng.integers(0, 10_000, len(area_code))


def _names(rng: np.random.Generator, trade: str, city: pl.Series) -> pl.Series:
    count = len(city)
    fixed = pl.Series(PRACTICE_NAMES).gather(rng.integers(0, len(PRACTICE_NAMES), count))
    tails = pl.Series(PRACTICE_TAILS[trade])
    tail = tails.gather(rng.integers(0, len(tails), count))
    town = pl.Series(rng.random(count) < 0.3)
    frame = pl.DataFrame({"fixed": fixed, "tail": tail, "city": city, "town": town})
    head = pl.when("town").then("city").otherwise("fixed")
    return frame.select(name=pl.concat_str(head, "tail", separator=" "))["name"]


def _hints(name: pl.Series, legal: pl.Series) -> pl.Series:
    """The ways a practice is written, HINTS in a row per practice."""
    n = pl.col("name")
    forms = pl.DataFrame({"name": name, "legal": legal}).select(
        a=n,
        b=n.str.to_uppercase(),
        c=pl.col("legal"),
        d=n.str.replace("Dental", "Dntl").str.replace("Family", "Fam").str.replace("s ", " "),
        e=pl.col("legal").str.to_uppercase() + " DBA " + n.str.to_uppercase(),
        f=pl.lit("Dr. office - ") + n.str.to_lowercase(),
    )
    return pl.Series("hint", forms.to_numpy().reshape(-1).tolist(), dtype=pl.String)


def _owners(count: int) -> tuple[Ints, NDArray[np.bool_]]:
    """Which practices were taken over (by the next larger one) and which closed."""
    at = np.arange(count)
    cycle = min(14, count)  # one in fourteen
    sold, closed = at % cycle == cycle - 5, at % 20 == min(16, count - 3)
    return np.where(sold, at - 1, at), closed & ~sold


def make_practices(profile: Profile, places: Places, *, people: int, seed: int) -> Practices:
    """Draw the practices that serve this many people."""
    rng = np.random.default_rng((seed, 0, 1))
    count = practice_count(people)
    place = rng.integers(0, len(places.zip), count)
    owner, closed = _owners(count)
    at = np.arange(count)
    group = np.where(np.isin(at % _GROUP, (2, 4, 6)), at // _GROUP, -1)
    code = 1000 + rng.permutation(9 * count)[:count]
    tenant_of = np.where((group >= 0) & (group % 2 == 0), 90_000 + group, code)
    city = places.city.gather(place)
    name = _names(rng, profile.trade, city)
    tails = pl.Series(["LLC", "PLLC", "P.C.", "Inc."]).gather(rng.integers(0, 4, count))
    legal = name + ", " + tails
    width = len(str(count))
    return Practices(
        entity_id=pl.Series(at + 1).cast(pl.String).str.zfill(max(4, width)).str.replace("^", "CE"),
        print_name=name,
        legal_name=legal,
        hints=_hints(name, legal),
        cumulative=_weights(rng, count, people),
        place=place,
        owner=owner,
        closed=closed,
        group=group,
        tenant="T" + pl.Series(tenant_of).cast(pl.String),
        locations=rng.integers(1, LOCATIONS + 1, count),
        code=code,
        phone=draw_phones(rng, places.area_code[place]),
        npi=_npi(rng, count),
        chart_offset=rng.integers(10_000, max(20_000, people), count),
        city=city,
        state=places.state.gather(place),
        zip=places.zip.gather(place),
        chart_mark=(_text(code) + "-").zip_with(pl.Series(at % 2 == 0), pl.Series([""])),
        location_words="L"
        + _text(np.repeat(code, LOCATIONS))
        + "-"
        + _text(np.tile(np.arange(1, LOCATIONS + 1), count)),
        provider_words="Provider "
        + _text(np.repeat(code, PROVIDERS) * PROVIDERS + np.tile(np.arange(PROVIDERS), count)),
    )


def _text(numbers: Ints) -> pl.Series:
    return pl.Series(numbers).cast(pl.String)


def _location_ids(practices: Practices) -> pl.Series:
    """All location ids of each practice, joined by `|`."""
    code = pl.Series(practices.code).cast(pl.String)
    frame = pl.DataFrame({"code": code, "n": practices.locations})
    parts = [
        pl.when(pl.col("n") >= k).then(pl.format("L{}-" + str(k), "code")) for k in range(1, 5)
    ]
    return frame.select(ids=pl.concat_str(parts, separator="|", ignore_nulls=True))["ids"]


def roster_rows(practices: Practices, profile: Profile, *, seed: int) -> pl.DataFrame:
    """`entities.csv`: one row per practice, then one per parent; the columns of the contract."""
    rng = np.random.default_rng((seed, 0, 2))
    count = len(practices.entity_id)
    sold = practices.owner != np.arange(count)
    frame = pl.DataFrame(
        {
            "entity_id": practices.entity_id,
            "legal_name": practices.legal_name,
            "print_name": practices.print_name,
            "npi": practices.npi,
            "parent": practices.group,
            "successor": practices.entity_id.gather(practices.owner),
            "sold": sold,
            "closed": practices.closed,
            "city": practices.city,
            "state": practices.state,
            "zip": practices.zip,
            "phone": practices.phone,
            "tenant_ids": practices.tenant,
            "location_ids": _location_ids(practices),
            "house": rng.integers(100, 9900, count),
            "agency": rng.choice(
                ["independent", "undetermined", "agent"], count, p=[0.6, 0.3, 0.1]
            ),
            "baa_days": rng.choice(["5", "10", "30", ""], count),
            "since": rng.integers(2009, 2020, count),
            "alias": practices.hints.gather(np.arange(count) * HINTS + 3),
        }
    )
    return pl.concat([_practice_rows(frame, profile), _parent_rows(frame)], how="diagonal")


def _practice_rows(frame: pl.DataFrame, profile: Profile) -> pl.DataFrame:
    sold, closed = pl.col("sold"), pl.col("closed")
    before = profile.breach_start.year - 2
    street = pl.format("{} Main St", "house")
    lower = pl.col("entity_id").str.to_lowercase()
    return frame.select(
        "entity_id",
        kind=pl.lit("covered_entity"),
        legal_name="legal_name",
        print_name="print_name",
        aliases="alias",
        npi="npi",
        parent_id=pl.when(pl.col("parent") >= 0).then(pl.format("DSO{}", pl.col("parent") + 1)),
        successor_id=pl.when(sold).then("successor"),
        successor_on=pl.when(sold).then(pl.lit(f"{before}-07-01")),
        successor_basis=pl.when(sold).then(pl.lit("asset")),
        custodian=pl.when(closed & (pl.col("house") % 2 == 0)).then(pl.lit("Records Keep, Inc.")),
        status=pl.when(sold).then(pl.lit("sold")).when(closed).then(pl.lit("closed"))
        .otherwise(pl.lit("open")),
        street=street,
        city="city",
        state="state",
        zip="zip",
        phone=pl.col("phone").cast(pl.String),
        email=pl.format("office.{}@example.com", lower),
        website=pl.format("https://{}.example.com", lower),
        contact_name=pl.lit("Privacy Officer"),
        tenant_ids="tenant_ids",
        location_ids="location_ids",
        email_domains=pl.lit(None, dtype=pl.String),
        client_from=pl.format("{}-01-01", "since"),
        client_to=pl.when(closed).then(pl.lit(f"{before}-12-31")),
        agency="agency",
        baa_days=pl.col("baa_days").replace("", None),
        known_on=pl.lit(None, dtype=pl.String),
        received_on=pl.lit(None, dtype=pl.String),
        packet_key=pl.lit(None, dtype=pl.String),
        return_address=pl.format("{}, {}, {} {} {}", "print_name", street, "city", "state", "zip"),
    )  # fmt: skip


def _parent_rows(frame: pl.DataFrame) -> pl.DataFrame:
    parents = frame.filter(pl.col("parent") >= 0).group_by("parent", maintain_order=True).first()
    return parents.select(
        entity_id=pl.format("DSO{}", pl.col("parent") + 1),
        kind=pl.lit("business_associate"),
        legal_name=pl.format("{} Partners, LLC", "city"),
        print_name=pl.format("{} Partners", "city"),
        status=pl.lit("open"),
        city="city",
        state="state",
        zip="zip",
    )


def delegation_rows(practices: Practices, profile: Profile) -> pl.DataFrame:
    """`delegation.csv`: most practices delegate the letters; some not, some have not said."""
    at = pl.int_range(len(practices.entity_id), eager=True)
    frame = pl.DataFrame({"entity_id": practices.entity_id, "at": at % 11})
    ce, undecided = pl.col("at") == 5, pl.col("at") == 3
    by = pl.when(ce).then(pl.lit("ce")).when(undecided).then(pl.lit("undecided"))
    told = frame.filter(pl.col("at") != 8).with_columns(by=by.otherwise(pl.lit("ba")))
    individual = told.with_columns(duty=pl.lit("individual"))
    more = told.filter((pl.col("by") == "ba") & (pl.col("at") % 2 == 0))
    every = [individual] + [more.with_columns(duty=pl.lit(d)) for d in ("substitute", "hhs")]
    signed = pl.when(pl.col("by") != "undecided").then(pl.lit(str(profile.received_on)))
    return pl.concat(every).sort("entity_id", "duty").select(
        "entity_id", "duty", "by",
        document=pl.when(pl.col("by") == "ba").then(pl.format("DEL-{}", "entity_id")),
        signed_on=signed,
    )  # fmt: skip
