"""The shared vocabulary: every table once, with grain, key, columns, unit, null meaning, privacy.

Longer than a module should be because it is one list of declarations; `docs/tables.md` is made from it.
Ids: `mention_id` and `chart_id` are file_no * 2**40 + row_no * 8 + role number, so that adding files renumbers
nothing and the two never collide. Weights are bits (log2 Bayes factor, prior included); probabilities 0..1.
Dates are civil. Lists inside a cell are separated by `|`.
"""

from __future__ import annotations

import polars as pl

from matching.fields import CANONICAL_FIELDS
from matching.schema import Column, Keep, Kind, Privacy, Table

__all__ = [
    "ELEMENT_KINDS", "FILE_STEP", "INBOX", "KEEP", "MAIL_V1", "REFERENCE", "ROLE_NUMBER", "STEP_TABLES", "TABLES", "UNOWNED",
]  # fmt: skip

FILE_STEP = 1 << 40
"""Ids of file n lie from n times this on: rows and roles of one file fit below it, 2**37 rows of 8 roles."""

UNOWNED = "UNOWNED"
"""The entity id of people whom no evidence gives to a covered entity."""

ELEMENT_KINDS = (
    "appointment", "bank_account", "card", "contact", "date_of_birth", "deceased", "diagnosis",
    "driver_license", "guardian", "insurance", "medication", "member_id", "mrn", "name", "other",
    "payment", "photo", "provider", "representative", "sex", "ssn", "treatment",
)  # fmt: skip
"""What `elements.element` may say. `other`: data that somebody declared in words that nobody knows."""

ROLE_NUMBER = {
    "patient": 0,
    "guarantor": 1,
    "lead": 2,
    "employee": 3,
    "provider": 4,
    "emergency_contact": 5,
}

TEXT = pl.String()
INT = pl.Int64()
REAL = pl.Float64()
DATE = pl.Date()
FLAG = pl.Boolean()

_MENTION = Column(INT, "Id of (source row, role).", privacy=Privacy.ID)
_CHART = Column(INT, "Id of a chart row of a covered entity's master file.", privacy=Privacy.ID)
_RECORD = Column(
    TEXT, "The source's own id of the row, else `file_no:row_no`.", privacy=Privacy.PERSON
)
_FILE = Column(pl.Int32(), "Number of the delivered file, by first sight of its SHA-256.")
_ROW = Column(INT, "Row within the file, from 0, header not counted.")
_PERSON = Column(TEXT, "Id of the person: 13 base32 characters and a check.", privacy=Privacy.ID)
_ENTITY = Column(TEXT, "Covered entity, or UNOWNED.", privacy=Privacy.ENTITY)
_STATUS = Column(TEXT, "confirmed or possible.")
_BITS = Column(REAL, "Match weight in bits, prior included.")
_PROBABILITY = Column(REAL, "Posterior probability, 0..1.")


def _id(doc: str, null: str = "") -> Column:
    return Column(TEXT, doc, null=null, privacy=Privacy.ID)


def _text(doc: str, null: str = "") -> Column:
    return Column(TEXT, doc, null=null)


def _person_text(doc: str, null: str = "not delivered or unusable") -> Column:
    return Column(TEXT, doc, null=null, privacy=Privacy.PERSON)


def _entity_text(doc: str, null: str = "not given") -> Column:
    return Column(TEXT, doc, null=null, privacy=Privacy.ENTITY)


def _count(doc: str, null: str = "") -> Column:
    return Column(INT, doc, null=null)


def _date(doc: str, null: str = "unknown") -> Column:
    return Column(DATE, doc, null=null)


def _canonical(*leave_out: str) -> dict[str, Column]:
    return {
        name: _person_text(doc, "empty or not mapped")
        for name, doc in CANONICAL_FIELDS.items()
        if name not in leave_out
    }


_CLEANED = {
    "first_name": "Given name: upper case, accents folded, letters only within words.",
    "first_names": "Given name with its nicknames and formal forms, sorted, separated by `|`.",
    "middle_name": "Middle name or initial, cleaned.",
    "last_name": "Family name, cleaned; suffixes taken off.",
    "last_names": "Family name, its hyphenated parts and previous names, sorted, separated by `|`.",
    "suffix": "JR, SR, II, III, IV, V.",
    "date_of_birth": "ISO date yyyy-mm-dd; impossible dates and placeholders are null.",
    "birth_order": "1, 2, ... among children of one birth.",
    "sex": "M, F or X.",
    "ssn": "Nine digits; impossible numbers and placeholders are null.",
    "member_id": "Letters and digits only, upper case.",
    "mrn": "Letters and digits only, upper case, leading zeros kept.",
    "phone": "Ten digits; placeholders are null.",
    "phone2": "Ten digits; placeholders are null.",
    "email": "Lower case; placeholders are null.",
    "street": "Delivery line by USPS Publication 28: upper case, abbreviated, unit at the end.",
    "street_number": "House number, PO box number or rural box number of the delivery line.",
    "street_name": "Street name without number, directions, suffix and unit; `PO BOX` for boxes.",
    "unit": "Secondary designator and number.",
    "city": "City, upper case.",
    "state": "Two-letter code; from the ZIP where the state is missing or impossible.",
    "zip5": "Five digits; 00000 and impossible ZIPs are null.",
    "zip4": "Four digits.",
    "country": "ISO 3166 two-letter code; null means the United States.",
    "alternate_street": "As street.",
    "alternate_city": "As city.",
    "alternate_state": "As state.",
    "alternate_zip5": "As zip5.",
    "guardian_first_name": "Cleaned given name.",
    "guardian_last_name": "Cleaned family name.",
    "representative_name": "Cleaned name.",
    "representative_street": "As street.",
    "representative_city": "As city.",
    "representative_state": "As state.",
    "representative_zip5": "As zip5.",
    "language": "BCP-47 primary tag: en, es ...",
    "alt_format": "As delivered, lower case.",
    "email_consent_scope": "Lower case.",
    "born_before": "ISO date before which a guarantor without a birth date was born: of age when the file came.",
    "doubt": "What the row does not say plainly: birth_date (delivered, and cannot be one or is yet to come) or newborn (no given name yet).",
}
_CLEANED_DATES = {
    "address_as_of": "Day on which the address was known to be good.",
    "deceased_on": "Day of death; 1 January 1900 where only the fact is known.",
    "email_consent_on": "Day of agreement to notices by e-mail.",
    "email_consent_withdrawn_on": "Day of its withdrawal.",
    "last_visit_on": "Day of the last visit.",
}
CLEANED: dict[str, Column] = {
    **{name: _person_text(doc) for name, doc in _CLEANED.items()},
    **{name: Column(DATE, doc, "unknown", Privacy.PERSON) for name, doc in _CLEANED_DATES.items()},
    "deceased": Column(FLAG, "Deceased by any column.", privacy=Privacy.PERSON),
    "confidential": Column(FLAG, "Confidential-communication or ACP flag.", privacy=Privacy.PERSON),
    "flags": _text("Reason codes of odd values in this row, sorted, separated by `|`.", "none"),
}
"""Columns of `leaked_std` and `charts_std` after the id: cleaned for matching and mailing."""

# --- matching -------------------------------------------------------------------------------

INVENTORY = Table(
    name="inventory",
    grain="one delivered table or sheet, in incident order (a repeated one is its own row)",
    key=("position",),
    columns={
        "position": _count("Place in the incident file's list after globbing."),
        "side": _text("leaked or master."),
        "path": _text(
            "Path as the incident file gives it, `!` and the way into an archive, `#` and the table."
        ),
        "content": _text("The same without the table: what `bytes` and `covered_bytes` are of."),
        "part": _text("Table or sheet.", "the file is one table"),
        "file_no": _FILE,
        "file_sha256": _text(
            "SHA-256 of the bytes, unpacked; of a table: of that digest and its name."
        ),
        "bytes": _count("Size in bytes, unpacked; the same in all tables of a file."),
        "format": _text("csv, tsv, jsonl, parquet ..."),
        "encoding": _text("As the incident file froze it.", "binary"),
        "rows": _count("Physical data rows, header and blank lines not counted."),
        "parsed": _count("Rows that became records."),
        "rejected": _count("Rows that could not be read."),
        "guessed": _count("Rows with bytes of another encoding, read as CP1252 (encoding mixed)."),
        "covered_bytes": _count("Bytes accounted for by header, rows, rejects, blanks.", "binary"),
        "unjoined": _count("Rows whose key no row of a joined table bears.", "nothing is joined"),
        "repeats": Column(pl.Int32(), "position of the same bytes seen earlier.", "first sight"),
        "same_rows_as": Column(
            pl.Int32(),
            "position of an earlier file with the same rows in other bytes, in any order.",
            "none",
        ),
        "ignored": _text("Why nothing in it is about a person.", "read"),
        "secured": _text("no, encrypted_key_safe, encrypted_key_lost, unknown."),
        "columns": _text("Source columns, separated by `|`."),
        "unmapped": _text("Source columns that no canonical field takes, separated by `|`."),
        "final_newline": Column(FLAG, "File of lines ends with a line break.", "no file of lines"),
        "date_order": _text("mdy, dmy or ymd, for dates that are ambiguous by themselves."),
        "received_from": _text("Who delivered it.", "not given"),
        "received_on": _date("When it was delivered."),
        "evidence": _text("Evidence number.", "not given"),
    },
)
CUSTODY = Table(
    name="custody",
    grain="one step in the chain of custody of one delivered table",
    key=("position", "step"),
    columns={
        "position": _count("As in the inventory."),
        "step": _count("From 0, in the order of the incident file."),
        "happened_on": _date("Day.", ""),
        "by": _text("Who."),
        "action": _text("received, copied, hashed, unpacked, sealed ..."),
        "note": _text("Place, medium, seal number.", "none"),
    },
)
SKIPPED = Table(
    name="skipped",
    grain="one member of a delivered archive that no entry of the incident file can mean",
    key=("path", "number"),
    columns={
        "path": _text("The archive, `!` and the way into it."),
        "number": _count("Among members of one name, from 0."),
        "reason": _text("folder, link, empty, left by a desktop ..."),
    },
)
LEAKED = Table(
    name="leaked",
    grain="one mention: (source row, role); two people on one row are two mentions",
    key=("mention_id",),
    columns={
        "mention_id": _MENTION,
        "record_id": _RECORD,
        "file_no": _FILE,
        "row_no": _ROW,
        "role": _text("patient, guarantor, lead, employee, provider, emergency_contact."),
        "exclusion": _text("Reason code why the mention is no person owed a notice.", "included"),
        "extra": _text(
            "Names of unmapped source columns of no declared kind that hold a value, separated by `|`.",
            "none",
        ),
        "kinds": _text(
            "Kinds of data in unmapped columns, as declared or by their values, and in columns whose key is not"
            " safe, separated by `|`.",
            "none",
        ),
        "doubtful": Column(
            FLAG,
            "Free text names this person with too little to tell who it is: in `upper` only.",
            "the row tells",
        ),
        **_canonical("record_id", "role"),
    },
)
CHARTS = Table(
    name="charts",
    grain="one row of a covered entity's patient master file",
    key=("chart_id",),
    columns={
        "chart_id": _CHART,
        "record_id": _RECORD,
        "entity_id": _entity_text("Owner of the chart as delivered.", "not given or not in roster"),
        "file_no": _FILE,
        "row_no": _ROW,
        "exclusion": _text("Reason code why the chart is no person.", "included"),
        **_canonical("record_id", "entity_id", "role"),
    },
)
REJECTS = Table(
    name="rejects",
    grain="one source row that could not be read at all",
    key=("file_no", "row_no"),
    columns={
        "file_no": _FILE,
        "row_no": _ROW,
        "offset": _count("Byte offset of the row in the file.", "format without offsets"),
        "reason": _text("Reason code."),
    },
)
PASSAGES = Table(
    name="passages",
    grain="one person named by free text: where it was said (again: of the row's own person)",
    key=("mention_id", "source_column", "start"),
    columns={
        "mention_id": Column(
            INT, "The mention made of it; of the row's own person, that row's.", privacy=Privacy.ID
        ),
        "source_row_no": _count("Row of the delivered table whose text it is."),
        "source_column": _text("Column of that row."),
        "start": _count("First character of what names the person, in the text as delivered."),
        "end": _count("The character after the last."),
        "said": _person_text("The name as it was said.", "no name was"),
        "kinds": _text("Kinds of data that the passage shows, separated by `|`.", "none"),
        "why": _text(
            "Why nobody is told by it: no_name, first_name_only, last_name_only, name_only. For review.",
            "there is enough to look for the person",
        ),
    },
)
ENTITIES = Table(
    name="entities",
    grain="one covered entity or business associate of the roster as of the incident",
    key=("entity_id",),
    columns={
        "entity_id": _ENTITY,
        "kind": _text("covered_entity or business_associate."),
        "legal_name": _entity_text("Legal name.", ""),
        "print_name": _entity_text("Name the patients know; the legal name where not given.", ""),
        "aliases": _entity_text("Other names, separated by `|`."),
        "npi": _entity_text("National provider identifier."),
        "parent_id": _entity_text("Parent organisation."),
        "successor_id": _entity_text("Who took the practice over."),
        "successor_on": _date("Day of succession."),
        "successor_basis": _entity_text("asset, stock, custodian."),
        "custodian": _entity_text("Custodian of records of a closed practice."),
        "status": _text("open, closed or sold."),
        **{
            name: _entity_text(f"The practice's {name}.")
            for name in ("street", "city", "state", "zip", "phone", "email", "website")
        },
        "contact_name": _entity_text("Privacy officer or other contact."),
        "tenant_ids": _entity_text("The vendor's account ids, separated by `|`."),
        "location_ids": _entity_text("Location ids, separated by `|`."),
        "email_domains": _entity_text("E-mail domains, separated by `|`."),
        "client_from": _date("Client of the vendor since."),
        "client_to": _date("Client until.", "still a client or unknown"),
        "agency": _text("agent, independent or undetermined."),
        "baa_days": _count("Days the contract allows for telling the entity.", "not given"),
        "known_on": _date("Day the entity learned by itself."),
        "received_on": _date("Day the entity received the vendor's notice."),
        "packet_key": _entity_text("Public key for its packet."),
        "return_address": _entity_text("Return address on letters."),
    },
)
DELEGATION = Table(
    name="delegation",
    grain="one covered entity and duty",
    key=("entity_id", "duty"),
    columns={
        "entity_id": _ENTITY,
        "duty": _text("individual, substitute, media, hhs, state_ag, cra, callcentre."),
        "by": _text("ba, ce or undecided."),
        "document": _text("Signed document.", "not given"),
        "signed_on": _date("Day of signature."),
    },
)
SUPPRESSIONS = Table(
    name="suppressions",
    grain="one order that a person must not be sent a notice",
    key=("record_id", "person_id", "entity_id", "reason"),
    columns={
        "record_id": _id("A leaked or chart record of the person.", "the person is named"),
        "person_id": _id("The person, as in a packet or letter.", "a record is named"),
        "entity_id": _entity_text(
            "Only this entity's notice; the record is then its own chart.", "every notice"
        ),
        "reason": _text("Reason code, e.g. litigation, prior_notice, ce_disputed."),
        "authority": _text("Who decided it."),
    },
)
LEAKED_STD = Table(
    name="leaked_std",
    grain="one mention that is not excluded, cleaned",
    key=("mention_id",),
    columns={"mention_id": _MENTION, **CLEANED},
)
CHARTS_STD = Table(
    name="charts_std",
    grain="one chart that is not excluded, cleaned",
    key=("chart_id",),
    columns={"chart_id": _CHART, **CLEANED},
)
NONIDENTIFYING = Table(
    name="nonidentifying",
    grain="one value of one field shared by too many people to identify anyone",
    key=("field", "value"),
    columns={
        "field": _text("phone, email, street, ssn, member_id."),
        "value": _person_text("The cleaned value.", ""),
        "people": _count("Distinct name and birth date combinations that bear it."),
    },
)
CHANGES = Table(
    name="changes",
    grain="one standardising rule on one side",
    key=("side", "field", "rule"),
    columns={
        "side": _text("leaked or master."),
        "field": _text("Cleaned field."),
        "rule": _text("Name of the rule."),
        "rows": _count("Rows that the rule changed or nulled."),
    },
)
COMPLETENESS = Table(
    name="completeness",
    grain="one cleaned field that takes part in matching, on one side",
    key=("side", "field"),
    columns={
        "side": _text("leaked or master."),
        "field": _text("Cleaned field."),
        "rows": _count("Rows of the side that are not excluded."),
        "known": _count("Rows that have the field after cleaning."),
    },
)
IDENTITIES = Table(
    name="identities",
    grain="one mention and the first mention with exactly the same cleaned identity",
    key=("mention_id",),
    columns={
        "mention_id": _MENTION,
        "identity_id": Column(INT, "Lowest mention_id of the group.", privacy=Privacy.ID),
    },
)
KEPT_HASHES = Table(
    name="kept_hashes",
    grain="one kind of hash of one range of records, so that later rounds need not read them again",
    key=("of", "start", "number"),
    columns={
        "of": _text("mentions (their cleaned values), leaked_std or charts_std (their blocking keys)."),
        "start": _count("Number of the first record, from 0."),
        "number": Column(INT, "Which hash, or which blocking key, from 0."),
        "hashes": Column(
            pl.Binary(), "One little-endian word a record: 64 bits of mentions, else 32.",
            privacy=Privacy.PERSON,
        ),
    },
)  # fmt: skip
PAIRS = Table(
    name="pairs",
    grain="one compared pair of records at or above the floor (leaked side: identities)",
    key=("kind", "left", "right"),
    columns={
        "kind": _text("leaked_master, leaked_leaked or master_master."),
        "left": Column(
            INT, "mention_id or chart_id; lower than right within one side.", privacy=Privacy.ID
        ),
        "right": Column(
            INT,
            "mention_id or chart_id. Twice the same group: its second mention.",
            privacy=Privacy.ID,
        ),
        "vector": Column(
            INT, "Comparison levels, 4 bits a comparison in model order, first lowest."
        ),
        "tf_bits": Column(REAL, "Term-frequency adjustment in bits."),
        "match_weight": _BITS,
        "probability": _PROBABILITY,
        "band": _text("match, review or no."),
        "reasons": _text("Blocking rules that made the pair, guard reasons after `;`.", "none"),
    },
)
MEMBERS = Table(
    name="members",
    grain="one mention or reached chart in its one person",
    key=("person_id", "mention_id"),
    columns={
        "person_id": _PERSON,
        "mention_id": Column(INT, "mention_id, or the chart's chart_id.", privacy=Privacy.ID),
        "side": _text("leaked or master."),
        "record_id": _RECORD,
        "entity_id": _entity_text("Owner of the chart.", "leaked side, or unknown"),
        "file_no": _FILE,
        "row_no": _ROW,
        "flag": _text(
            "duplicate_chart where the person has several charts at this entity.", "none"
        ),
    },
)
PERSONS = Table(
    name="persons",
    grain="one person, certain links merged (the unmerged partition of the review band)",
    key=("person_id",),
    columns={
        "person_id": _PERSON,
        "affected": _text("confirmed, possible or no_longer."),
        "orphan": Column(FLAG, "No chart among the members."),
        "deceased": Column(FLAG, "Deceased by any member.", privacy=Privacy.PERSON),
        "minor_on": Column(
            DATE, "Eighteenth birthday: a minor before it.", "birth date unknown", Privacy.PERSON
        ),
        "language": _text("Language of notices."),
        "first_identified_on": _date("as_of of the round that first found the person.", ""),
        "mentions": _count("Leaked members."),
        "charts": _count("Chart members."),
        "merged_group": _id("Lowest person_id of the group when every review pair is merged."),
    },
)
AFFECTED = Table(
    name="affected",
    grain="one person included below the merge threshold",
    key=("person_id", "maybe_same_as"),
    columns={
        "person_id": _PERSON,
        "status": _STATUS,
        "via_mention_id": _MENTION,
        "probability": _PROBABILITY,
        "maybe_same_as": _id("The person who may be the same."),
    },
)
HISTORIES = Table(
    name="histories",
    grain="one released person in one person of this round that has records of it",
    key=("released_id", "person_id"),
    columns={
        "released_id": _id("person_id as released."),
        "person_id": _id("person_id of this round; the released one where no record is left."),
        "became": _text(
            "kept; merged (into a person released earlier); split (a part of its records went"
            " elsewhere, its id stays with the mention it was minted from); gone (no record is left)."
        ),
        "records": _count("Mentions and charts of the released person that are in this one."),
    },
)
MAYBE_SAME = Table(
    name="maybe_same",
    grain="two persons whom a link in the review band joins: perhaps one person",
    key=("person_a", "person_b"),
    columns={
        "person_a": _id("The lower person_id."),
        "person_b": _id("The higher person_id."),
        "probability": Column(REAL, "Posterior probability of the likeliest link, 0..1."),
        "match_weight": _BITS,
        "member_a": Column(
            INT, "mention_id or chart_id of person_a on that link.", privacy=Privacy.ID
        ),
        "member_b": Column(
            INT, "mention_id or chart_id of person_b on that link.", privacy=Privacy.ID
        ),
    },
)
PROFILE = Table(
    name="profile",
    grain="one class of one measure of the round: completeness, bands, agreement of matches, sizes of persons",
    key=("measure", "class"),
    columns={
        "measure": _text("What is counted."),
        "class": _text("Class of it; the classes of a measure share its rows out."),
        "rows": _count("Rows, pairs or persons of the class."),
    },
)
MERGE_TREE = Table(
    name="merge_tree",
    grain="one link of the maximum spanning forest of kept pairs, strongest first, before splits",
    key=("position",),
    columns={
        "position": Column(pl.Int32(), "0 for the strongest link, equal weights in pair order."),
        "left": Column(INT, "mention_id or chart_id.", privacy=Privacy.ID),
        "right": Column(INT, "mention_id or chart_id.", privacy=Privacy.ID),
        "match_weight": Column(REAL, "Bits; 1000 where a person decided match."),
        "people": Column(pl.Int8(), "Change of their number as the link merges: 0 or -1."),
        "orphans": Column(pl.Int8(), "Change of the number of people without chart: 0, -1 or -2."),
    },
)
MERGE_COUNTS = Table(
    name="merge_counts",
    grain="one merge threshold, every tenth of a bit over the kept pairs, before splits",
    key=("at_bits",),
    columns={
        "at_bits": Column(REAL, "Merge threshold in bits."),
        "people": _count("Groups of records that hold a leaked mention."),
        "orphans": _count("Of these, groups without a chart."),
        "links": _count("Links of the merge tree at or above the threshold."),
        "pairs": _count("Kept pairs at or above the threshold."),
        "false": _count("Expected such links that join two people, by the model, in millionths."),
        "missed": _count(
            "Expected links below it that join one person, by the model, in millionths."
        ),
        "charts_reached": _count("Charts whose best pair with a leaked mention is at or above it."),
    },
)
REVIEW_STRATA = Table(
    name="review_strata",
    grain="one stratum of match weight of the pairs that a review samples",
    key=("stratum",),
    columns={
        "stratum": _count("0 for the lightest."),
        "from_bits": Column(REAL, "Lower end in bits.", "none: the lightest"),
        "pairs": _count(
            "Kept pairs that no guard holds, of two mentions or a mention and a chart."
        ),
        "millionths": _count("Sum of their probabilities by the model, in millionths."),
    },
)
REVIEW_ORDER = Table(
    name="review_order",
    grain="one of the first pairs of a stratum, in an order that says nothing of their weight",
    key=("stratum", "place"),
    columns={
        "stratum": _count("As in review_strata."),
        "place": _count("0 for the pair to review first; a sample is the beginning."),
        "left": Column(INT, "mention_id.", privacy=Privacy.ID),
        "right": Column(INT, "mention_id or chart_id.", privacy=Privacy.ID),
        "order": Column(pl.UInt64(), "Hash of both ids: the order within and between strata."),
    },
)
ROW_OWNERS = Table(
    name="row_owners",
    grain="one leaked mention and one covered entity it may belong to",
    key=("mention_id", "entity_id"),
    columns={
        "mention_id": _MENTION,
        "entity_id": _ENTITY,
        "status": _STATUS,
        "basis": _text("Rung of the ladder that named it."),
        "weight_bits": Column(REAL, "Weight of the linked chart.", "named by the row itself"),
    },
)
OWNERSHIP = Table(
    name="ownership",
    grain="one person and one covered entity; UNOWNED is a row",
    key=("person_id", "entity_id"),
    columns={
        "person_id": _PERSON,
        "entity_id": _ENTITY,
        "status": _STATUS,
        "basis": _text(
            "Most telling rung; maybe_chart: a chart of somebody whom the person may be; household: people with"
            " the same address, telephone or e-mail are there; presumed; none."
        ),
        "probability": _PROBABILITY,
        "kinds": Column(
            pl.Int32(),
            "The rows of `elements` as bits, the first of their kinds the lowest; 0: none known.",
        ),
    },
)
CANDIDATE_OWNERS = Table(
    name="candidate_owners",
    grain="one UNOWNED person and one entity with a good part of the patients where the person lives",
    key=("person_id", "entity_id"),
    columns={
        "person_id": _PERSON,
        "entity_id": _ENTITY,
        "share": Column(REAL, "The entity's part of the known patients of that ZIP code, 0..1."),
    },
)
SAME_CHANCES = Table(
    name="same_chances",
    grain="two persons whom a kept link joins and no guard parts, and how likely they are one",
    key=("person_a", "person_b"),
    columns={
        "person_a": _id("The lower person_id."),
        "person_b": _id("The higher person_id."),
        "match_weight": _BITS,
        "kind": _text(
            "review (as in maybe_same), cut (strong, but the group was parted), held (in the review band, a"
            " guard holds other records of the two), below (under the band) or capped (only pairs that a guard caps)."
        ),
        "probability": _PROBABILITY,
    },
)
ELEMENTS = Table(
    name="elements",
    grain="one kind of PHI of one person at one covered entity",
    key=("person_id", "entity_id", "element"),
    columns={
        "person_id": _PERSON,
        "entity_id": _ENTITY,
        "element": _text("name, contact, date_of_birth, ssn, appointment ..."),
    },
)

# --- notify ---------------------------------------------------------------------------------

COUNTS = Table(
    name="counts",
    grain="one covered entity and state; state null: all states; entity_id null: the union of all",
    key=("entity_id", "state"),
    columns={
        "entity_id": _entity_text("Covered entity or UNOWNED.", "the business associate's union"),
        "state": _text("State of residence, UNK or foreign ZZ.", "all states"),
        "confirmed": _count(
            "People when every review pair is merged, over certain inclusion and entity."
        ),
        "expected": Column(REAL, "Posterior mean of distinct people."),
        "expected_low": Column(REAL, "Lower end of the 95 % interval."),
        "expected_high": Column(REAL, "Upper end of the 95 % interval."),
        "upper": _count("None merged, every possible person and entity counted."),
    },
)
_AT_LEAST = _count("The line: this many people or more.")
OPEN_LINES = Table(
    name="open_lines",
    grain="one legal line of one covered entity, or entity and state, that pending answers could flip",
    key=("position",),
    columns={
        "position": _count("0 for the least settled."),
        "entity_id": _ENTITY,
        "state": _text("State of residence.", "all states"),
        "at_least": _AT_LEAST,
        "confirmed": _count("As in counts: below the line."),
        "expected": Column(REAL, "As in counts."),
        "upper": _count("As in counts."),
        "unknown": _count("People of the entity whose residence is unknown; 0 over all states."),
        "chance": Column(REAL, "Probability that the line is reached, residence as known, 0..1."),
    },
)
OPEN_QUESTIONS = Table(
    name="open_questions",
    grain="one question whose answer moves an open legal line: the order of the review queue",
    key=("position",),
    columns={
        "position": _count("Order in which to ask."),
        "question": _text(
            "same_person (of both), whose (is the person this entity's patient), or residence."
        ),
        "person_id": _PERSON,
        "other_id": _id("The person who may be the same.", "not asked of two"),
        "entity_id": _ENTITY,
        "state": _text("State of the line.", "all states"),
        "at_least": _AT_LEAST,
        "probability": Column(REAL, "That the answer is yes, 0..1.", "residence"),
        "lines": _count("Open lines that the answer moves."),
    },
)
OVERLAP = Table(
    name="overlap",
    grain="one number of covered entities: how many people are at so many",
    key=("entities",),
    columns={
        "entities": _count("Covered entities of one person; 0: UNOWNED."),
        "confirmed": _count(
            "People with so many confirmed entities, of people confirmed affected."
        ),
        "upper": _count("People with so many confirmed or possible entities."),
    },
)
ELEMENT_COUNTS = Table(
    name="element_counts",
    grain="the people of one covered entity and state who have one and the same set of kinds of data",
    key=("entity_id", "state", "elements"),
    columns={
        "entity_id": _ENTITY,
        "state": _text("State of residence, UNK or foreign ZZ."),
        "elements": _text(
            "Kinds of data at this entity, sorted, separated by `|`; empty: not known."
        ),
        "confirmed": _count("As in `counts`; of merged people, the kinds of all."),
        "expected": Column(
            REAL, "Posterior mean; never too low, and adds up to at least `counts`."
        ),
        "upper": _count("As in `counts`."),
    },
)
BRIDGE = Table(
    name="bridge",
    grain="one line of the way from raw rows to people",
    key=("position",),
    columns={
        "position": _count("Order of the lines."),
        "line": _text("What is counted."),
        "reason": _text("Exclusion or rejection reason.", "not an exclusion"),
        "regime": _text("Regime for which the exclusion holds.", "all"),
        "rows": _count("How many; negative where taken off."),
    },
)
DUTIES = Table(
    name="duties",
    grain="one duty: entity x jurisdiction x recipient x rule x hypothesis of agency",
    key=("duty_id",),
    columns={
        "duty_id": _id("Digest of entity, jurisdiction, recipient, rule, hypothesis."),
        "entity_id": _ENTITY,
        "jurisdiction": _text("US or a state."),
        "duty": _text("entity, owner, or as in delegation.csv: individual, substitute, media ..."),
        "recipient": _text("entity, owner, individual, substitute, media, hhs, state_ag, cra."),
        "rule_id": _text("Row of configs/jurisdictions."),
        "citation": _text("Where the rule is written."),
        "hypothesis": _text("agent or independent."),
        "count_used": _count("The number that was compared with the line."),
        "crosses": _text("Which number passes the line: confirmed, expected, upper or no."),
        "anchor_on": _date("Day the clock started.", "the rule counts no days"),
        "due_on": _date("Last day, or the day planned with.", "the rule counts no days"),
        "waits_for": _text(
            "What must be known before the clock starts: receipt, determination, confirmation,"
            " notice_to_individual, hhs_report or counsel; `due_on` is then planned, not stated.",
            "the clock runs",
        ),
        "owed_by": _text("ba or ce."),
        "performed_by": _text("ba, ce or undecided."),
        "status": _text(
            "due, overdue, planned (only upper passes), waiting_receipt, waiting, held, met,"
            " needs_counsel or not_required."
        ),
        "credit_months": _count(
            "Months of credit monitoring to offer to people of this duty.", "none asked for"
        ),
        "reviewed": Column(FLAG, "The rule row has a reviewer."),
        "explanation": _text("How the date came about."),
    },
)
PACKETS = Table(
    name="packets",
    grain="one covered entity with a confirmed or possible person, and its planned packet",
    key=("entity_id",),
    columns={
        "entity_id": _ENTITY,
        "state": _text("Figure C: ready, withheld, sent, received, accepted, disputed ..."),
        "reason": _text("Why withheld.", "not withheld"),
        "version": Column(
            pl.Int32(), "Version that a release would write; the released one where unchanged."
        ),
        "recipient_id": _entity_text(
            "Who receives it: the entity, its successor or custodian.", ""
        ),
        "content": _text("Digest of what the packet holds."),
        "confirmed": _count("Confirmed people."),
        "possible": _count("Possible people listed with this entity's own chart."),
        "possible_unlisted": _count(
            "Possible people without a chart here: a count and a question."
        ),
    },
)
NOTICES = Table(
    name="notices",
    grain="one notice owed to one person on behalf of one covered entity",
    key=("person_id", "entity_id", "wave"),
    columns={
        "notice_id": _id("Digest of person, entity, wave."),
        "person_id": _PERSON,
        "entity_id": _ENTITY,
        "wave": Column(pl.Int32(), "1 first mailing, 2 and more supplements."),
        "channel": _text("mail, email, substitute, waiting_ce, ce or none."),
        "reason": _text("Why this channel."),
        "variant": _text("ADULT, MINOR, DECEASED, PERSREP, each POSSIBLE_ where uncertain."),
        "language": _text("en, es ..."),
        "address_source": _text("CE_MASTER, LEAK, CE_REPLY, NCOA.", "no address"),
        "address_as_of": _date("Day the address was known good."),
        "address_member": Column(
            INT, "mention_id or chart_id whose address is used.", "no address", Privacy.ID
        ),
        "address_kind": _text(
            "home, alternate or representative: which address of that member.", "no address"
        ),
        "name_member": Column(
            INT, "mention_id or chart_id whose name is printed.", "no name", Privacy.ID
        ),
        "state": _text("State of the address, ZZ foreign.", "no address"),
        "longest_line": _count(
            "Characters of the longest line of the address block.", "no address"
        ),
        "email_member": Column(
            INT, "mention_id or chart_id that agreed to e-mail.", "not by e-mail", Privacy.ID
        ),
        "remail_of": _id("Earlier piece that this one takes the place of.", "first"),
        "alt_format": _text("Large print, Braille or audio that the person asked for.", "none"),
        "authority": _text("Who ordered that nothing is sent.", "nobody did"),
        "told_address": _id(
            "Event or response whose address is used instead of a record's.", "a record's"
        ),
        "reference_no": _id(
            "9 characters and a check: what a caller reads out, the same in every wave."
        ),
        "mail_by": _date("Earliest due date that the notice must meet.", ""),
    },
)
LEDGER = Table(
    name="ledger",
    grain="one person and covered entity, UNOWNED too, in exactly one state",
    key=("person_id", "entity_id"),
    columns={
        "person_id": _PERSON,
        "entity_id": _ENTITY,
        "state": _text("Figure L."),
        "reason": _text("Reason code.", "the state says it"),
    },
)
SUBSTITUTES = Table(
    name="substitutes",
    grain="one covered entity with people whom no letter can reach",
    key=("entity_id",),
    columns={
        "entity_id": _ENTITY,
        "people": _count(
            "People owed substitute notice; those who died without a known next of kin are none."
        ),
        "came_back": _count("Of them, those whose letter came back."),
        "form": _text("posting (10 or more, 164.404(d)(2)(ii)) or other (fewer)."),
        "learned_on": _date(
            "Latest day on which one of their letters came back.", "none came back"
        ),
        "due_on": _date(
            "The entity's last day for individual notice, or the day the last letter came back, if later.",
            "",
        ),
    },
)
BATCHES = Table(
    name="batches",
    grain="one planned vendor batch",
    key=("batch_id",),
    columns={
        "batch_id": _id("12 characters."),
        "wave": Column(pl.Int32(), "Wave."),
        "vendor": _text("Vendor profile."),
        "pieces": _count("Rows without seeds."),
        "seeds": _count("Seed rows."),
        "content": _text("Digest over the rows: what an approval binds."),
    },
)
_MAIL_IDS = ("mailpiece_id", "batch_id", "seq_no", "is_seed", "letter_version", "letter_sha8",
             "row_seal", "addr_seal", "reference_no", "remail_of")  # fmt: skip
MAIL_V1 = (
    "mailpiece_id", "batch_id", "seq_no", "wave", "remail_of", "letter_version", "letter_sha8",
    "language", "variant", "salutation_line", "recipient_name", "name_prefix", "name_first",
    "name_middle", "name_last", "name_suffix", "care_of", "delivery_line", "delivery_line2",
    "urbanization", "city", "state", "zip5", "zip4", "country_iso2", "intl_line1", "intl_line2",
    "intl_line3", "intl_line4", "country_line", "address_source", "moveupdate_date", "dpv",
    "no_ncoa", "no_household", "ce_id", "ce_print_name", "ce_return_address_code",
    "element_set_code", "breach_date_text", "discovery_date_text", "toll_free", "reference_no",
    "cm_code", "cm_months", "cm_enroll_by", "state_addenda", "insert_codes", "mail_class",
    "endorsement", "imb_mid", "imb_serial", "mail_by", "is_seed", "row_seal", "addr_seal",
)  # fmt: skip
"""Columns of a vendor's mail file, in their order: fixed, and sealed in this order."""
PIECES = Table(
    name="pieces",
    grain="one mail piece of a planned batch: the row of MAIL v1 and whom it is for",
    key=("batch_id", "seq_no"),
    columns={
        "batch_id": _id("Batch."),
        "seq_no": _count("1..N without gaps."),
        "notice_id": _id("Notice.", "a seed"),
        "person_id": _id("Person.", "a seed"),
        "entity_id": _entity_text("Covered entity.", "a seed"),
        "address_ref": _id(
            "Whose address it bears: `kind:member` of a record, or `told:` and an event or response.",
            "a seed",
        ),
        **{
            name: _id("As in MAIL v1.", "empty")
            if name in _MAIL_IDS
            else _person_text("As in MAIL v1.", "empty")
            for name in MAIL_V1
            if name not in {"batch_id", "seq_no"}
        },
    },
)
OUTBOX = Table(
    name="outbox",
    grain="one e-mail owed, ids only; the address is read at the moment of sending",
    key=("mailpiece_id",),
    columns={
        "mailpiece_id": _id("15 characters and a check."),
        "notice_id": _id("Notice."),
        "person_id": _PERSON,
        "entity_id": _ENTITY,
        "wave": Column(pl.Int32(), "Wave."),
        "notice_version": Column(pl.Int32(), "Version of the texts."),
        "language": _text("Of the text it is written in."),
        "variant": _text("As in notices."),
        "reference_no": _id("As in notices."),
        "email_member": Column(
            INT, "mention_id or chart_id whose agreement and address count.", privacy=Privacy.ID
        ),
        "name_member": Column(
            INT, "mention_id or chart_id whose name is used.", "no name", Privacy.ID
        ),
    },
)

# --- inbox ----------------------------------------------------------------------------------

_RECORDED = Column(pl.Datetime("us", "UTC"), "When the command wrote it, UTC.")
_BY = Column(TEXT, "Who.", "the program")

FILES = Table(
    name="files",
    grain="one distinct delivered table: a whole file, or a table or sheet of one",
    key=("file_no",),
    kind=Kind.INBOX,
    columns={
        "file_no": _FILE,
        "file_sha256": _text(
            "SHA-256 of the bytes, unpacked; of a table: of that digest and its name."
        ),
        "part": _text("Table or sheet.", "the file is one table"),
        "bytes": _count("Size, unpacked; of a table: that of its file."),
        "recorded_at": _RECORDED,
    },
)
DECISIONS = Table(
    name="decisions",
    grain="one decision of one person on a pair, practice name, role or mapping",
    key=("decision_id",),
    kind=Kind.INBOX,
    columns={
        "decision_id": _id("Random id."),
        "subject": _text(
            "pair; second (a second reviewer's answer on a pair, given without seeing the first: it changes nothing"
            " by itself); practice (a practice's name, by a row that says it), role or mapping."
        ),
        "left_file_sha256": _text("File of the first record.", "not about records"),
        "left_row_no": _count("Row of the first record.", "not about records"),
        "left_role": _text("Role of the first record.", "not about records"),
        "right_file_sha256": _text("File of the second record.", "not about a pair"),
        "right_row_no": _count("Row of the second record.", "not about a pair"),
        "right_role": _text("Role of the second record.", "not about a pair"),
        "value": _text(
            "match, no, unsure; of a practice's name an entity id or none; role ...; withdrawn: the decision that"
            " `supersedes` names is taken back, and what it had superseded stands again."
        ),
        "note": _text("Why.", "none"),
        "supersedes": _id("decision_id that this one takes the place of, or withdraws.", "first"),
        "by": _BY,
        "recorded_at": _RECORDED,
    },
)
RESPONSES = Table(
    name="responses",
    grain="one answer of a covered entity",
    key=("response_id",),
    kind=Kind.INBOX,
    columns={
        "response_id": _id("Digest of the file and its row."),
        "entity_id": _ENTITY,
        "answer": _text("accept, dispute, correct, flag, delegate, receipt or closed."),
        "person_id": _id("Person it speaks of.", "the whole packet"),
        "packet_version": Column(pl.Int32(), "Version answered.", "not given"),
        "field": _text("What is corrected, flagged or delegated.", "none"),
        "value": _person_text("New value.", "none"),
        "dated_on": _date("Date of the answer."),
        "by": _BY,
        "recorded_at": _RECORDED,
    },
)
EVENTS = Table(
    name="events",
    grain="one thing that happened to one piece, batch or packet",
    key=("event_id",),
    kind=Kind.INBOX,
    columns={
        "event_id": _id("Digest of the event: the same news twice is one event."),
        "kind": _text(
            "Of a piece: exported, rejected, suppressed, held, moved, dropped, returned, recalled; by e-mail"
            " accepted, refused, uncertain, uncertain_replaced, bounced, complained. Of a batch: accepted,"
            " proofed, destroyed. Of a packet: exported, accepted."
        ),
        "channel": _text("packet, mail, email ..."),
        "entity_id": _entity_text("Covered entity.", "a batch"),
        "person_id": _id("Person.", "a packet or batch"),
        "piece_id": _id("mailpiece_id, batch_id, or packet `entity/vN`."),
        "batch_id": _id("Batch or packet version; of an e-mail the outbox wave."),
        "notice_version": Column(pl.Int32(), "Letter or packet version.", "a batch"),
        "wave": Column(pl.Int32(), "Wave.", "a packet or batch"),
        "dated_on": _date("Civil day of the event.", ""),
        "detail": _text(
            "Code: nixie class, NCOA return code, SMTP status; of an exported piece `kind:member`, whose address"
            " it bore; content digest of a packet.",
            "none",
        ),
        "address": _person_text("New address that came back with it, a JSON object.", "none"),
        "source_sha256": _text("File that told it.", "the program"),
        "recorded_at": _RECORDED,
    },
)
CODES = Table(
    name="codes",
    grain="one monitoring code that an exported letter bears: given once, for ever",
    key=("code",),
    kind=Kind.INBOX,
    columns={
        "code": _person_text("Activation code of the vendor's list."),
        "person_id": _PERSON,
        "entity_id": _ENTITY,
        "batch_id": _id("Batch that first bore it."),
        "recorded_at": _RECORDED,
    },
)
RETURN_FILES = Table(
    name="return_files",
    grain="one distinct file that came back: from the vendor, or bounces",
    key=("file_sha256",),
    kind=Kind.INBOX,
    columns={
        "file_sha256": _text("SHA-256 of the bytes."),
        "kind": _text("ACK, ADDR, PROOF, DROP, UAA, DESTROY or BOUNCE."),
        "rows": _count("Rows or messages in it."),
        "taken": _count("Events appended."),
        "known": _count("Rows that say what another file said before."),
        "quarantined": _count("Rows set aside."),
        "by": _BY,
        "recorded_at": _RECORDED,
    },
)
QUARANTINE = Table(
    name="quarantine",
    grain="one row of a returned file that changes nothing, and why",
    key=("file_sha256", "row_no"),
    kind=Kind.INBOX,
    columns={
        "file_sha256": _text("File."),
        "row_no": _ROW,
        "piece_id": _person_text("What it names as its piece, as delivered.", "none"),
        "reason": _text("unknown_piece, repeated, before_export, no_such_code ..."),
        "recorded_at": _RECORDED,
    },
)
FACTS = Table(
    name="facts",
    grain="one fact typed by a person",
    key=("fact_id",),
    kind=Kind.INBOX,
    columns={
        "fact_id": _id("Digest of the file and the place in it."),
        "kind": _text(
            "hold, filing, acknowledgement, risk, scenario (put aside), thresholds (approved) or withdrawal."
        ),
        "entity_id": _entity_text("Entity it concerns.", "all"),
        "value": _text("JSON document."),
        "dated_on": _date("Date of the fact."),
        "supersedes": _id("fact_id undone.", "first"),
        "by": _BY,
        "recorded_at": _RECORDED,
    },
)
COUNT_CHANGES = Table(
    name="count_changes",
    grain="one number of counts that a round changed, before and after; first noted by the first round",
    key=("round", "entity_id", "state"),
    kind=Kind.INBOX,
    columns={
        "round": _count("The round that changed it."),
        "entity_id": _entity_text("As in counts.", "the business associate's union"),
        "state": _text("As in counts.", "all states"),
        "confirmed": _count("After; 0 where the row is gone."),
        "expected": Column(REAL, "After."),
        "upper": _count("After."),
        "confirmed_before": Column(INT, "Before.", "new"),
        "expected_before": Column(REAL, "Before.", "new"),
        "upper_before": Column(INT, "Before.", "new"),
    },
)
REGISTRY = Table(
    name="registry",
    grain="one mention of a released person",
    key=("person_id", "file_sha256", "row_no", "role"),
    kind=Kind.INBOX,
    columns={
        "person_id": _PERSON,
        "file_sha256": _text("File of the mention."),
        "row_no": _ROW,
        "role": _text("Role; `chart` for charts."),
        "minted_by": Column(FLAG, "The mention the id was minted from."),
        "first_identified_on": _date("as_of of the round that first found the person.", ""),
        "recorded_at": _RECORDED,
    },
)

# --- reference ------------------------------------------------------------------------------

MODEL = Table(
    name="model",
    grain="the one model of this incident",
    key=("name",),
    kind=Kind.REFERENCE,
    columns={
        "name": _text("dental, clinic ..."),
        "settings": _text("Splink settings JSON with m, u and prior."),
    },
)
TERM_FREQUENCIES = Table(
    name="term_frequencies",
    grain="one value of one term-frequency column",
    key=("field", "value"),
    kind=Kind.REFERENCE,
    columns={
        "field": _text("Cleaned field."),
        "value": _person_text("Value; `*`: every value that is not listed.", ""),
        "frequency": Column(REAL, "Share of the non-null rows, 0..1."),
    },
)
FROZEN_NONIDENTIFYING = Table(
    name="frozen_nonidentifying",
    grain=NONIDENTIFYING.grain,
    key=NONIDENTIFYING.key,
    kind=Kind.REFERENCE,
    columns=NONIDENTIFYING.columns,
)

_BLOCK = {
    "rule": _text("Blocking rule."),
    "key": _count("Which of the rule's alternatives, from 0."),
    "record": _person_text("The values that make the key, as JSON.", ""),
    "left_rows": _count("Records of the left side that had it when it was found."),
    "right_rows": _count("Records of the right side that had it then."),
}
OVER_BUDGET = Table(
    name="over_budget",
    grain="one of the commonest keys of a blocking rule that was refused; empty where none was",
    key=("rule", "key", "record"),
    columns=_BLOCK,
)
_COMMON = {
    f"common_{kind}": Table(
        name=f"common_{kind}",
        grain=f"one key that is too common for a blocking rule of {kind}, left out in every round",
        key=OVER_BUDGET.key,
        kind=Kind.REFERENCE,
        columns=_BLOCK,
    )
    for kind in ("leaked_master", "leaked_leaked", "master_master")
}

STEP_TABLES = (
    INVENTORY, CUSTODY, SKIPPED, LEAKED, CHARTS, REJECTS, PASSAGES, ENTITIES, DELEGATION, SUPPRESSIONS,
    LEAKED_STD, CHARTS_STD, NONIDENTIFYING, CHANGES, COMPLETENESS, IDENTITIES, KEPT_HASHES, PAIRS,
    OVER_BUDGET, MEMBERS, PERSONS, AFFECTED, HISTORIES, PROFILE, MAYBE_SAME, MERGE_TREE, MERGE_COUNTS,
    REVIEW_STRATA, REVIEW_ORDER,
    ROW_OWNERS, OWNERSHIP, ELEMENTS, CANDIDATE_OWNERS, SAME_CHANCES, COUNTS, ELEMENT_COUNTS, OVERLAP, OPEN_LINES,
    OPEN_QUESTIONS, BRIDGE, DUTIES, PACKETS, NOTICES, LEDGER, SUBSTITUTES, BATCHES, PIECES, OUTBOX,
)  # fmt: skip
INBOX = (
    DECISIONS,
    RESPONSES,
    EVENTS,
    CODES,
    RETURN_FILES,
    QUARANTINE,
    FACTS,
    REGISTRY,
    FILES,
    COUNT_CHANGES,
)
REFERENCE = (MODEL, TERM_FREQUENCIES, FROZEN_NONIDENTIFYING, *_COMMON.values())
TABLES: dict[str, Table] = {t.name: t for t in (*STEP_TABLES, *INBOX, *REFERENCE)}
"""Every table by name."""

_WORKING = (
    # rows as they came, and as cleaned; where free text names somebody; which rows could not be read
    LEAKED, CHARTS, REJECTS, PASSAGES, LEAKED_STD, CHARTS_STD,
    # their values once more: shared ones, frequencies, blocking keys, hashes, comparisons of two rows
    NONIDENTIFYING, FROZEN_NONIDENTIFYING, TERM_FREQUENCIES, OVER_BUDGET, *_COMMON.values(), KEPT_HASHES, PAIRS,
    # which row is whose: the registry says it of everyone who was told, by file digest and row
    IDENTITIES, MEMBERS, MERGE_TREE, REVIEW_ORDER, ROW_OWNERS,
)  # fmt: skip
_EVIDENCE = (
    # what was delivered, by whom, through whose hands; the roster and who performs what
    INVENTORY, CUSTODY, SKIPPED, FILES, ENTITIES, DELEGATION, SUPPRESSIONS,
    # how people were counted: ids, numbers and the model, no value of a row
    CHANGES, COMPLETENESS, PROFILE, MERGE_COUNTS, REVIEW_STRATA, MODEL, COUNTS, ELEMENT_COUNTS, OVERLAP, OPEN_LINES, OPEN_QUESTIONS,
    BRIDGE, COUNT_CHANGES, MAYBE_SAME, SAME_CHANCES, CANDIDATE_OWNERS,
    # who is affected, whose patient, by which kinds of data
    PERSONS, AFFECTED, HISTORIES, OWNERSHIP, ELEMENTS, REGISTRY,
    # what is owed, what was written to whom and what came back (45 CFR 164.414(b), 164.530(j))
    DUTIES, PACKETS, NOTICES, LEDGER, SUBSTITUTES, BATCHES, PIECES, OUTBOX, DECISIONS, RESPONSES, EVENTS, CODES,
    RETURN_FILES, QUARANTINE, FACTS,
)  # fmt: skip
KEEP: dict[str, Keep] = {
    **{table.name: Keep.WORKING for table in _WORKING},
    **{table.name: Keep.EVIDENCE for table in _EVIDENCE},
}
"""How long each table is kept: its data keys are of this class."""
