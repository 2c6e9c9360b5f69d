"""Generated notes, mails, chats and transcripts whose identifiers and names are known to the character.

A template of `texts/<set>.txt` is cut into pieces, and each slot says what it holds: `{pN.field}` a person of the text,
`{qN.field}` staff (their names count as names, too); fields: name, first, last, lower (small letters), LAST_FIRST,
last_first, ssn, ssn_bare, ssn4, phone, phone_bare, email, email_hidden, mrn, dob, street, city, state, zip, zip4. And
things that are no identifiers: invoice, ref, claim, member, npi, tracking, lot, day, money, uuid, epoch, office, toll,
zip4. Marks after `%%`: json (escaped), reply and quoted (`> `), wrap (lines of 60 and soft ends). Half of the people bear
names by census share, half bear names of the list in the set's `person:` lines, where it has any.
"""

from __future__ import annotations

import json
import random
import re
from calendar import month_abbr, month_name
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import polars as pl

TEXTS = Path(__file__).with_name("texts")
SETS = ("written_on", "held_out", "fresh", "last", "unseen")
_SLOT = re.compile(r"\{([pq]\d\.\w+|\w+)\}")
_CITIES = (
    ("Baltimore", "MD", "212"),
    ("Towson", "MD", "212"),
    ("Springfield", "IL", "627"),
    ("Austin", "TX", "787"),
    ("Mesa", "AZ", "852"),
    ("San Diego", "CA", "921"),
)
_STREETS = (
    "Oak St",
    "Maple Avenue",
    "N Charles St",
    "Old Mill Rd",
    "Harford Road",
    "5th Ave",
    "Sunset Blvd",
    "Cedar Ln",
)
_HOSTS = ("gmail.com", "yahoo.com", "outlook.com", "comcast.net", "icloud.com", "mail.example.org")
_HOUSE = {"office": "house_phone", "toll": "house_phone", "desk": "house_email"}
"""True telephones and mailboxes, of nobody."""


@dataclass(frozen=True)
class Templates:
    """Styles and texts of one set."""

    styles: dict[str, list[str]]
    texts: list[tuple[str, str]]


@dataclass
class Person:
    """Values of one made-up person, drawn when first used."""

    draw: random.Random
    styles: dict[str, list[str]]
    first: str
    last: str
    middle: str = ""
    values: dict[str, str] = field(default_factory=dict)


def load(name: str) -> Templates:
    styles: dict[str, list[str]] = {}
    head, *bodies = (TEXTS / f"{name}.txt").read_text().split("\n%% ")
    for line in head.splitlines():
        if line and not line.startswith("#"):
            kind, _, style = line.partition(": ")
            styles.setdefault(kind, []).append(style)
    return Templates(
        styles, [(b.partition("\n")[0], b.partition("\n")[2].rstrip("\n")) for b in bodies]
    )


class Writer:
    """Writes texts of one set with one seed."""

    def __init__(self, templates: Templates, seed: int) -> None:
        self.templates, self.draw = templates, random.Random(seed)
        self.first = self._census("dist.female.first", "dist.male.first")
        self.last = self._census("dist.all.last")

    @staticmethod
    def _census(*names: str) -> tuple[list[str], list[float]]:
        rows = [
            line.split()
            for name in names
            for line in files("names").joinpath(name).read_text().splitlines()
        ]
        return [r[0].title() for r in rows], [float(r[1]) for r in rows]

    def person(self) -> Person:
        """Somebody new."""
        own = self.templates.styles.get("person", [])
        if own and self.draw.random() < 0.5:
            first, last = self.draw.choice(own).split("|")
        else:
            first = self.draw.choices(*self.first)[0]
            last = self.draw.choices(*self.last)[0]
        return Person(self.draw, self.templates.styles, first, last)

    def text(self, number: int) -> tuple[str, list[tuple[str, int, int, str]]]:
        """A text and its truths: kind, start, end, value."""
        marks, body = self.templates.texts[number % len(self.templates.texts)]
        people: dict[str, Person] = {}
        whole, truths = "", []
        pieces = []
        for i, piece in enumerate(_SLOT.split(body)):
            kind, value = None, ""
            shown = piece
            if i % 2:
                shown, kind, value = self.slot(piece, people)
            pieces.append((shown, kind, value))
        if "wrap" in marks.split():
            pieces = wrapped(pieces, self.draw)
        for shown, kind, value in pieces:
            written = changed(shown, marks.split())
            if kind:
                truths.append((kind, len(whole), len(whole) + len(written), value))
            whole += written
        return whole, truths

    def slot(self, slot: str, people: dict[str, Person]) -> tuple[str, str | None, str]:
        """What stands in a slot, its kind of truth and value."""
        if "." not in slot:
            shown = thing(slot, self.draw)
            return shown, _HOUSE.get(slot), shown
        who, _, name = slot.partition(".")
        if who not in people:
            people[who] = self.person()
        return said(people[who], name)


_FORMS = {
    "name": "{f} {l}",
    "first": "{f}",
    "last": "{l}",
    "last_first": "{l}, {f}",
    "initial_last": "{i}. {l}",
    "first_initial_last": "{f} {i}. {l}",
}


def said(p: Person, slot: str) -> tuple[str, str | None, str]:
    """What is written for one field of a person, its kind of truth and value."""
    writers = {"ssn": _ssn, "ssn4": _ssn, "ssn_bare": _ssn, "phone": _phone, "phone_bare": _phone, "email": _email,
               "email_hidden": _email, "mrn": _mrn, "dob": _dob}  # fmt: skip
    if slot in writers:
        return writers[slot](p, slot)
    if slot in {"street", "city", "state", "zip", "zip4"}:
        return _place(p)[slot], None, ""
    form = {"lower": "name", "NAME": "name", "LAST_FIRST": "last_first"}.get(slot, slot)
    shown = _FORMS[form].format(f=p.first, l=p.last, i=p.first[0])
    shown = shown.lower() if slot == "lower" else shown.upper() if slot.isupper() else shown
    half = {"first": p.first, "last": p.last, "initial_last": p.last}
    return shown, "name", half.get(slot, f"{p.first} {p.last}")


def _ssn(p: Person, slot: str) -> tuple[str, str, str]:
    area = p.draw.choice([*range(1, 666), *range(667, 900)])
    new = f"{area:03}{p.draw.randint(1, 99):02}{p.draw.randint(1, 9999):04}"
    digits = p.values.setdefault("ssn", new)
    if slot == "ssn4":
        return digits[5:], "ssn4", digits[5:]
    style = "{d}{e}{f}" if slot == "ssn_bare" else p.draw.choice(p.styles["ssn"])
    return style.format(d=digits[:3], e=digits[3:5], f=digits[5:]), "ssn", digits


def _phone(p: Person, slot: str) -> tuple[str, str, str]:
    area = p.draw.choice((410, 443, 217, 512, 480, 619, 301, 703, 904))
    exchange = p.draw.choice([n for n in range(212, 999) if n % 100 != 11])
    line = f"{p.draw.randint(0, 9999):04}"
    style = "{a}{b}{c}" if slot == "phone_bare" else p.draw.choice(p.styles["phone"])
    shown = style.format(a=area, b=exchange, c=line, x=p.draw.randint(1, 999))
    return shown, "phone", f"{area}{exchange}{line}"


def _email(p: Person, slot: str) -> tuple[str, str, str]:
    f, last = (re.sub("[^a-z]", "", part.lower()) or "x" for part in (p.first, p.last))
    locals_ = [f"{f}.{last}", f"{f}{last}{p.draw.randint(1, 99)}", f"{f[0]}{last}", f"{last}_{f}"]
    if slot == "email_hidden":
        hidden = ["{l} at {h} dot {t}", "{l} (at) {h} (dot) {t}", "{l}[at]{h}[dot]{t}"]
        style = p.draw.choice(p.styles.get("email_hidden", hidden))
        local, host = p.draw.choice(locals_), p.draw.choice(("gmail", "yahoo"))
        return style.format(l=local, h=host, t="com"), "email", f"{local}@{host}.com"
    address = f"{p.draw.choice([*locals_, f'{f}.{last}+dental'])}@{p.draw.choice(_HOSTS)}"
    return address, "email", address


def _mrn(p: Person, slot: str) -> tuple[str, str, str]:
    style = p.draw.choice(p.styles.get("mrn", ["{n}", "{n}", "0{n}", "A-{n}", "PT{n}"]))
    code = p.values.setdefault(slot, style.format(n=p.draw.randint(1000, 999999)))
    return code, "mrn", code


def _dob(p: Person, slot: str) -> tuple[str, str, str]:
    new = f"{p.draw.randint(1930, 2020)}-{p.draw.randint(1, 12):02}-{p.draw.randint(1, 28):02}"
    day = p.values.setdefault(slot, new)
    return day_as(day, p.draw.choice(p.styles["dob"])), "date_of_birth", day


def _place(p: Person) -> dict[str, str]:
    city, state, area = p.draw.choice(_CITIES)
    code = f"{area}{p.draw.randint(0, 99):02}"
    street = f"{p.draw.randint(1, 9999)} {p.draw.choice(_STREETS)}"
    more = f"{code}-{p.draw.randint(0, 9999):04}"
    return {"street": street, "city": city, "state": state, "zip": code, "zip4": more}


def day_as(day: str, style: str) -> str:
    y, m, d = day.split("-")
    return style.format(
        y=y,
        yy=y[2:],
        m=int(m),
        mm=m,
        d=int(d),
        dd=d,
        month=month_name[int(m)],
        mon=month_abbr[int(m)],
    )


def thing(name: str, draw: random.Random) -> str:
    """Something that is no identifier of a person."""
    n = draw.randint
    return {
        "invoice": lambda: draw.choice((f"INV-2024-{n(1, 99999):06}", f"{n(100, 999)}-{n(10, 99)}-{n(1000, 9999)}", f"{n(10**9, 10**10 - 1)}")),
        "ref": lambda: draw.choice((f"{n(10**5, 10**9)}", f"{n(2000000000, 9999999999)}", f"R{n(10**6, 10**7)}")),
        "claim": lambda: draw.choice((f"{n(10**10, 10**11)}", f"{n(200, 999)}{n(200, 999)}{n(1000, 9999)}", f"2024{n(10**8, 10**9)}-01")),
        "member": lambda: draw.choice((f"W{n(10**8, 10**9)}", f"{n(10**8, 10**9 - 1)}", f"XYZ{n(10**8, 10**9)}")),
        "npi": lambda: npi(n(100000000, 199999999)),
        "tracking": lambda: draw.choice((f"1Z{n(10**15, 10**16 - 1)}", f"94{n(10**19, 10**20 - 1)}", f"{n(10**11, 10**12 - 1)}")),
        "lot": lambda: f"{n(10**5, 10**9)}",
        "day": lambda: day_as(f"{n(2022, 2025)}-{n(1, 12):02}-{n(1, 28):02}", draw.choice(("{m}/{d}/{y}", "{mm}/{dd}/{yy}", "{mon} {d}", "{y}-{mm}-{dd}"))),
        "money": lambda: draw.choice((f"${n(10, 2500)}.{n(0, 99):02}", f"${n(1, 9)},{n(100, 999)}")),
        "uuid": lambda: f"{n(0, 2**32):08x}-{n(0, 65535):04x}-4{n(0, 4095):03x}-a{n(0, 4095):03x}-{n(0, 2**48):012x}",
        "epoch": lambda: f"17{n(10**7, 10**8 - 1)}",
        "desk": lambda: draw.choice(("frontdesk", "info", "office", "appointments")) + "@" + draw.choice(("brightsmiles.example.com", "oakdental.example.net", "drfamilycare.example.org")),
        "office": lambda: f"(410) 555-{n(1000, 9999)}",
        "toll": lambda: f"1-800-{n(200, 999)}-{n(1000, 9999)}",
        "zip4": lambda: f"{n(10000, 99999)}-{n(1000, 9999)}",
    }[name]()  # fmt: skip


def npi(base: int) -> str:
    digits = [int(c) for c in f"80840{base}"]
    total = sum(
        d if i % 2 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(reversed(digits))
    )
    return f"{base}{-total % 10}"


def wrapped(
    pieces: list[tuple[str, str | None, str]], draw: random.Random
) -> list[tuple[str, str | None, str]]:
    """Lines of about 60 characters, broken at blanks, also inside a number; some with a soft line end."""
    column, out = 0, []
    for shown, kind, value in pieces:
        text = ""
        for part in re.split(r"(?<=[ -])", shown):
            if column + len(part) > 60 and text + part:
                soft = draw.random() < 0.3
                text = (
                    text + "=\n"
                    if soft
                    else text.rstrip(" ") + "\n"
                    if text.endswith(" ")
                    else text + "\n"
                )
                column = 0
            text += part
            column = len(part.rpartition("\n")[2]) if "\n" in part else column + len(part)
        out.append((text, kind, value))
    return out


def changed(text: str, marks: list[str]) -> str:
    if "json" in marks:
        text = json.dumps(text)[1:-1]
    if "reply" in marks or "quoted" in marks:
        text = text.replace("\n", "\n> ")
    return text


def texts(name: str, count: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    writer = Writer(load(name), seed)
    made = [writer.text(i) for i in range(count)]
    frame = pl.DataFrame(
        {"row": range(count), "text": [t for t, _ in made]},
        schema={"row": pl.Int64, "text": pl.String},
    )
    truth = [(row, *t) for row, (_, truths) in enumerate(made) for t in truths]
    return frame, pl.DataFrame(
        truth,
        schema={
            "row": pl.Int64,
            "kind": pl.String,
            "start": pl.Int64,
            "end": pl.Int64,
            "value": pl.String,
        },
        orient="row",
    )
