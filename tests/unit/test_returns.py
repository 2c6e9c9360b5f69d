"""Returns: whole files or nothing, every row is somewhere, news is told once, what cannot be is set aside."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import notify.returns.judge
import notify.returns.reading
from matching.store import OperatorError, Workspace
from matching.tables import TABLES
from notify.ledger import pieces
from notify.ledger.states import MAIL_STATES, impossible_with
from notify.returns import take
from tests.return_files import BATCH, DIGEST, RECORDED_AT, Mailed, csv_text, event, mailed

DROP_HEADER = "mailpiece_id,drop_date,facility,imb,postage_statement_id,spoiled_reprint_count\n"


@pytest.fixture
def out(workspace: Workspace, tmp_path: Path) -> Mailed:
    return mailed(workspace, tmp_path)


def states(workspace: Workspace) -> dict[str, str]:
    return dict(pieces(workspace).select("piece_id", "state").collect().iter_rows())


# --- what each kind brings --------------------------------------------------------------------


def test_a_drop_mails_its_pieces_and_names_the_statement(out: Mailed) -> None:
    taken = out.take("DROP", [{"piece": 0, "spoiled_reprint_count": 2}, {"piece": 1}])
    assert (taken.kind, taken.rows, taken.taken, taken.spoiled_reprints) == ("DROP", 2, 2, 2)
    dropped = out.events("dropped")
    assert dropped["detail"].to_list() == ["PS3600-1"] * 2
    assert dropped["dated_on"].to_list() == [date(2026, 4, 3)] * 2
    assert dropped.row(1, named=True)["person_id"] == "P00001"
    assert dropped.row(1, named=True)["batch_id"] == BATCH
    assert states(out.workspace)[out.piece(0)] == "mailed"
    row = out.workspace.read("return_files").row(0, named=True)
    assert (row["kind"], row["rows"], row["taken"], row["by"]) == ("DROP", 2, 2, "test")


def test_a_return_keeps_its_reason_and_its_new_address(out: Mailed) -> None:
    new = {"new_delivery": "9 ELM ST", "new_city": "TOWSON", "new_state": "MD", "new_zip5": "21204"}
    taken = out.take("UAA", [{"piece": 0, "nixie_class": "FOE", **new}, {"piece": 1}])
    assert taken.taken == 2
    first, second = out.events("returned").to_dicts()
    assert (first["detail"], second["detail"], second["address"]) == ("FOE", "ANK", None)
    address = json.loads(first["address"])
    assert set(address) == {"delivery_line", "delivery_line2", "city", "state", "zip5", "zip4", "dpv",
                            "source", "move_date"}  # fmt: skip
    assert (address["delivery_line"], address["zip5"], address["source"]) == (
        "9 ELM ST",
        "21204",
        "UAA",
    )


def test_a_return_with_half_an_address_is_taken_without_it(out: Mailed) -> None:
    taken = out.take("UAA", [{"piece": 0, "new_city": "TOWSON"}])
    assert (taken.taken, taken.unusable_addresses) == (1, 1)
    assert out.events("returned")["address"].to_list() == [None]


def test_a_sighting_is_no_return(out: Mailed) -> None:
    rows = [{"piece": 0, "channel": "IV_MTR", "nixie_class": ""},
            {"piece": 1, "channel": "IV_MTR", "nixie_class": "VAC"},
            {"piece": 2, "channel": "PHYS", "nixie_class": ""}]  # fmt: skip
    taken = out.take("UAA", rows)
    assert (taken.without_news, taken.taken, taken.reasons) == (1, 1, {"no_such_code": 1})


def test_a_move_brings_its_address_and_a_hold_its_state(out: Mailed) -> None:
    none = dict.fromkeys(
        ("new_delivery", "new_city", "new_state", "new_zip5", "new_zip4", "dpv"), ""
    )
    rows = [{"piece": 0}, {"piece": 1, "action": "held"},
            {"piece": 2, "ncoa_rc": "02", "action": "held", **none},
            {"piece": 3, "ncoa_rc": "00", "action": "mailed_old", **none}]  # fmt: skip
    taken = out.take("ADDR", rows)
    assert (taken.taken, taken.events, taken.without_news) == (3, 4, 1)
    moved = out.events("moved")
    assert moved["piece_id"].to_list() == [out.piece(0), out.piece(1)]
    address = json.loads(moved["address"][0])
    assert (address["source"], address["move_date"], address["dpv"]) == ("NCOA", "202511", "Y")
    assert out.events("held")["detail"].to_list() == ["A", "02"]
    found = states(out.workspace)
    assert [found[out.piece(n)] for n in range(4)] == ["exported", "held", "held", "exported"]


def test_batch_news_changes_no_piece(out: Mailed) -> None:
    before = states(out.workspace)
    assert out.take("ACK", [{}]).taken == 1
    assert out.take("PROOF", [{}]).taken == 1
    assert out.take("DESTROY", [{}]).taken == 1
    accepted, proofed, destroyed = (
        out.events(kind).row(0, named=True) for kind in ("accepted", "proofed", "destroyed")
    )
    assert (accepted["piece_id"], accepted["detail"], accepted["person_id"]) == (
        BATCH,
        "22/0",
        None,
    )
    assert (proofed["piece_id"], proofed["detail"]) == ("EN-ADULT-V1", DIGEST)
    assert (destroyed["batch_id"], destroyed["detail"]) == (BATCH, "spoilage:3:C-1")
    assert states(out.workspace) == before


# --- an acknowledgement that disagrees ----------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"rows_read": 21}, "rows_read=21, manifest=22"),
        ({"letter_count": 19}, "EN-ADULT-V1=19, manifest=20"),
        ({"letter_count": 21}, "EN-ADULT-V1=21, manifest=20"),
        ({"letter_version": "ES-ADULT-V1"}, "EN-ADULT-V1=0, manifest=20"),
        ({"rows_rejected": 23}, "rows_rejected=23, rows_read=22"),
        ({"sha256": "cd" * 32, "file": f"{BATCH}/MAIL_v1.csv"}, f"manifest={DIGEST}"),
    ],
)
def test_an_acknowledgement_that_disagrees_is_named_with_both_numbers(
    out: Mailed, row: dict[str, Any], said: str
) -> None:
    taken = out.take("ACK", [row])
    assert taken.reasons == {"batch_mismatch": 1}
    assert any(said in words for words in taken.disagreements)
    assert out.events("accepted").is_empty()


@pytest.mark.parametrize("count", [20, 22])
def test_seeds_may_be_counted_or_not(out: Mailed, count: int) -> None:
    assert out.take("ACK", [{"letter_count": count}]).taken == 1


def test_news_of_batches_and_versions_nobody_knows_is_set_aside(out: Mailed) -> None:
    assert out.take("ACK", [{"sha256": "cd" * 32}]).reasons == {"unknown_file": 1}
    assert out.take("PROOF", [{"letter_version": "FR-ADULT-V1"}]).reasons == {"unknown_version": 1}
    assert out.take("DESTROY", [{"batch_id": "NONE"}]).reasons == {"unknown_batch": 1}
    assert out.take("DESTROY", [{"pieces": "three"}]).reasons == {"no_number": 1}


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "row", "reason"),
    [
        ("DROP", {"mailpiece_id": "NOBODY"}, "unknown_piece"),
        ("DROP", {"piece": 0, "drop_date": "2026-03-31"}, "before_export"),
        ("DROP", {"piece": 0, "drop_date": "2026-06-02"}, "after_today"),
        ("DROP", {"piece": 0, "drop_date": "3 April"}, "no_such_day"),
        ("DROP", {"piece": 0, "postage_statement_id": ""}, "missing_value"),
        ("DROP", {"piece": 0, "spoiled_reprint_count": "-1"}, "no_number"),
        ("DROP", {"piece": 0, "batch_id": "ANOTHER"}, "batch_mismatch"),
        ("DROP", {"piece": 0, "wave": "2"}, "wrong_wave"),
        ("DROP", {"piece": 0, "postage_statement_id": "PS\x07"}, "control_character"),
        ("UAA", {"piece": 0, "nixie_class": "GONE"}, "no_such_code"),
        ("UAA", {"piece": 0, "channel": "MAIL"}, "no_such_code"),
        ("UAA", {"piece": 0, "new_delivery": "9\x00ELM"}, "control_character"),
        ("UAA", {"piece": 0, "new_delivery": "9 ELM\nAPT 2"}, "control_character"),
        ("ADDR", {"piece": 0, "ncoa_rc": "77x"}, "no_such_code"),
        ("ADDR", {"piece": 0, "move_date": "202513"}, "no_such_day"),
        ("ADDR", {"piece": 0, "new_zip5": "2120"}, "incomplete_address"),
        ("ADDR", {"piece": 19}, "no_ncoa"),
    ],
)
def test_a_row_that_cannot_be_is_set_aside_and_changes_nothing(
    out: Mailed, kind: str, row: dict[str, Any], reason: str
) -> None:
    before = out.workspace.digest("events")
    taken = out.take(kind, [row], extra=("batch_id", "wave"))
    assert (taken.reasons, taken.quarantined, taken.taken) == ({reason: 1}, 1, 0)
    assert out.reasons() == [reason]
    assert out.workspace.digest("events") == before


def test_bad_bytes_are_set_aside_and_their_neighbours_taken(out: Mailed) -> None:
    text = csv_text("UAA", [{"mailpiece_id": out.piece(n)} for n in range(3)]).encode()
    lines = text.split(b"\n")
    lines[2] = lines[2].replace(b"ANK,", b"ANK,9 \xff ELM")
    taken = out.take_text(b"\n".join(lines))
    assert (taken.reasons, taken.taken) == ({"bad_bytes": 1}, 2)


def test_accents_are_taken_as_they_are(out: Mailed) -> None:
    new = {
        "new_delivery": "9 CALLE PEÑA",
        "new_city": "SAN JUAN",
        "new_state": "PR",
        "new_zip5": "00901",
    }
    assert out.take("UAA", [{"piece": 0, **new}]).taken == 1
    assert json.loads(out.events("returned")["address"][0])["delivery_line"] == "9 CALLE PEÑA"


def test_the_second_of_two_equal_rows_is_repeated(out: Mailed) -> None:
    taken = out.take("DROP", [{"piece": 0}, {"piece": 0, "drop_date": "2026-04-04"}, {"piece": 1}])
    assert (taken.taken, taken.reasons) == (2, {"repeated": 1})


def test_two_reasons_for_one_return_are_two_returns(out: Mailed) -> None:
    taken = out.take("UAA", [{"piece": 0}, {"piece": 0, "nixie_class": "VAC"}, {"piece": 0, "channel": "PHYS"}])  # fmt: skip
    assert (taken.taken, taken.reasons) == (2, {"repeated": 1})


def test_a_seed_that_comes_back_is_news_for_the_operator_only(out: Mailed) -> None:
    before = out.workspace.digest("events")
    taken = out.take("UAA", [{"mailpiece_id": out.seed}])
    assert (taken.seeds_seen, taken.quarantined, taken.taken) == (1, 0, 0)
    assert out.workspace.digest("events") == before


@pytest.mark.parametrize("known", ["rejected", "suppressed"])
def test_nothing_follows_a_rejected_or_suppressed_piece(out: Mailed, known: str) -> None:
    out.workspace.append("events", TABLES["events"].complete(pl.DataFrame([event(0, "x", known)])))
    for kind in ("DROP", "UAA"):
        assert out.take(kind, [{"piece": 0}, {"piece": 1}]).reasons == {"impossible": 1}


@pytest.mark.parametrize("order", [("DROP", "UAA"), ("UAA", "DROP")])
def test_files_may_come_in_any_order(out: Mailed, order: tuple[str, str]) -> None:
    for kind in order:
        assert out.take(kind, [{"piece": 0}]).taken == 1
    assert states(out.workspace)[out.piece(0)] == "returned"


def test_impossible_pairs_follow_from_the_declared_transitions() -> None:
    assert impossible_with("dropped") == {"rejected", "suppressed"}
    assert impossible_with("rejected") == set(MAIL_STATES) - {"exported", "rejected"}
    assert impossible_with("returned") == {"rejected", "suppressed"}


# --- twice, halves, and kills --------------------------------------------------------------------


def test_a_file_taken_twice_adds_nothing(out: Mailed) -> None:
    out.take("DROP", [{"piece": 0}, {"mailpiece_id": "NOBODY"}])
    before = out.digests()
    again = out.take("DROP", [{"piece": 0}, {"mailpiece_id": "NOBODY"}])
    assert again.before
    assert out.digests() == before


@pytest.mark.parametrize("kind", ["DROP", "UAA", "ADDR"])
def test_the_same_news_from_another_file_is_known(out: Mailed, kind: str) -> None:
    out.take(kind, [{"piece": 0}, {"piece": 1}])
    before = out.workspace.digest("events")
    again = out.take(kind, [{"piece": 1}, {"piece": 0}], today=date(2026, 7, 1))
    assert (again.known, again.taken, again.events) == (2, 0, 0)
    assert out.workspace.digest("events") == before


def test_batch_news_from_another_file_is_known(out: Mailed) -> None:
    for kind in ("ACK", "PROOF", "DESTROY"):
        assert out.take(kind, [{}]).taken == 1
        other = "operator" if kind == "ACK" else "image"
        again = out.take(kind, [{other: "another"}], extra=("image",))
        assert (again.known, again.taken) == (1, 0)


def test_another_day_or_statement_for_a_drop_contradicts(out: Mailed) -> None:
    out.take("DROP", [{"piece": 0}, {"piece": 1}])
    again = out.take("DROP", [{"piece": 0, "drop_date": "2026-04-09"},
                              {"piece": 1, "postage_statement_id": "PS3600-2"}])  # fmt: skip
    assert again.reasons == {"contradicts": 2}
    assert out.events("dropped")["detail"].to_list() == ["PS3600-1"] * 2


@pytest.mark.parametrize("table", ["events", "quarantine", "return_files"])
def test_a_killed_call_is_made_whole_by_the_next(
    out: Mailed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: str
) -> None:
    """At every append: parts of events of one or two rows, then what is set aside, then the file's own row."""
    monkeypatch.setattr(sys.modules[take.__module__], "ROWS_PER_PART", 2)
    rows = [{"piece": n} for n in range(5)] + [{"mailpiece_id": f"NOBODY{n}"} for n in range(3)]
    whole, _ = Workspace.create(
        tmp_path / "b", incident_id="t", synthetic=True, key_file=tmp_path / "b.json"
    )
    reference = mailed(whole, tmp_path)
    reference.take("DROP", rows)
    append, calls = Workspace.append, 0

    def killed(self: Workspace, name: str, frame: pl.DataFrame) -> int:
        nonlocal calls
        calls += name == table
        if name == table and calls == (1 if table == "return_files" else 2):
            raise KeyboardInterrupt
        return append(self, name, frame)

    with monkeypatch.context() as kill:
        kill.setattr(Workspace, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            out.take("DROP", rows)
    again = out.take("DROP", rows)
    assert (again.taken, again.quarantined, again.before) == (5, 3, False)
    assert out.digests() == reference.digests()


def test_slices_and_groups_change_nothing(
    out: Mailed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [{"piece": n, "postage_statement_id": f"PS{n}, a"} for n in range(20)]
    rows += [{"mailpiece_id": out.seed}, {"piece": 3}, {"mailpiece_id": "NOBODY"}]
    out.take("DROP", rows)
    other, _ = Workspace.create(
        tmp_path / "b", incident_id="test", synthetic=True, key_file=tmp_path / "b.json"
    )
    small = mailed(other, tmp_path)
    monkeypatch.setattr(notify.returns.reading, "BLOCK_BYTES", 97)
    monkeypatch.setattr(notify.returns.judge, "ROWS_AT_ONCE", 4)
    taken = small.take("DROP", rows)
    assert (taken.taken, taken.seeds_seen) == (20, 1)
    assert taken.reasons == {"repeated": 1, "unknown_piece": 1}
    assert small.digests() == out.digests()


# --- files that are not whole ----------------------------------------------------------------------


def _drop(rows: int) -> bytes:
    return csv_text("DROP", [{"mailpiece_id": f"{n:016d}"} for n in range(rows)]).encode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (_drop(4)[:-1], "its last line has no end"),
        (_drop(4)[:-20], "its last line has no end"),
        (_drop(4)[:-20] + b"\n", "line 5 has"),
        (_drop(4).replace(b"PS3600-1,0\n", b"PS3600-1\n", 1), "line 2 has 5 of 6 fields"),
        (_drop(4).replace(b"PS3600-1,0\n", b"PS3600-1,0,1\n", 1), "line 2 has 7 of 6 fields"),
        (_drop(4).replace(b"BALTIMORE", b'"BALTIMORE', 1), "quote"),
        (_drop(4) + b"# rows 5\n", "4 rows, and its last line says 5"),
        (_drop(4).replace(b"\n", b"\n\n", 2), "line 2 has 0 of 6 fields"),
        (b"", "no whole header line"),
        (DROP_HEADER.encode()[:-1], "no whole header line"),
        (b"mailpiece_id,when\n1,2\n", "a header of no kind"),
        (b"nixie_class,ncoa_rc\n1,2\n", "of several kinds: ADDR, UAA"),
        (
            b"postage_statement_id,imb\n1,2\n",
            "no column mailpiece_id, drop_date, facility, spoiled",
        ),
        (DROP_HEADER.replace("imb", "facility,imb").encode(), "two columns of one name"),
        (DROP_HEADER.encode("utf-16"), "header"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_and_nothing_changes(
    out: Mailed, text: bytes, words: str
) -> None:
    before = out.digests()
    with pytest.raises(OperatorError, match=r"file\.csv") as refused:
        out.take_text(text)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert out.digests() == before


@pytest.mark.parametrize(
    "text",
    [
        _drop(4) + b"# rows 4\n",
        _drop(4) + b"# rows 4",
        b"\xef\xbb\xbf" + _drop(4),
        _drop(4).replace(b"\n", b"\r\n"),
        b'"' + _drop(4).replace(b",", b'","').replace(b"\n", b'"\n"')[:-1],
    ],
    ids=["trailer", "trailer without end", "BOM", "CRLF", "quoted"],
)
def test_ways_to_write_the_same_file(out: Mailed, text: bytes) -> None:
    assert out.take_text(text).taken == 4


def test_columns_may_be_in_any_order_and_more_than_asked_for(out: Mailed) -> None:
    names = ["Weight", *reversed(DROP_HEADER.strip().split(","))]
    text = ",".join(names) + f"\n1,0,PS1,,NDC,2026-04-03,{out.piece(0)}\n"
    taken = out.take_text(text)
    assert (taken.taken, taken.extra_columns) == (1, ("weight",))


def test_a_file_of_no_rows_is_taken(out: Mailed) -> None:
    assert out.take_text(DROP_HEADER).rows == 0
    assert out.workspace.rows("return_files") == 1


def test_nothing_of_a_row_is_in_an_error_or_the_log(
    out: Mailed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "affected")
    new = {
        "new_delivery": "99 CANARY ST",
        "new_city": "TOWSON",
        "new_state": "MD",
        "new_zip5": "21204",
    }
    taken = out.take("UAA", [{"piece": 0, **new}, {"mailpiece_id": "CANARY", **new}])
    text = csv_text("UAA", [{"mailpiece_id": out.piece(1), **new}])
    with pytest.raises(OperatorError) as refused:
        out.take_text(text[:-3])
    assert "CANARY" not in caplog.text + str(refused.value) + json.dumps(taken.document())
    assert RECORDED_AT.isoformat() not in caplog.text
