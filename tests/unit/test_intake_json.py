"""JSON of any shape: nested values are columns, wrapped arrays are tables, nothing is lost in silence."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from matching.errors import OperatorError
from matching.intake import readers, text
from matching.intake.content import Content
from matching.intake.json_files import document as json_document
from matching.intake.json_files.names import quoted, split
from matching.intake.json_files.scan import RECORD_BYTES_MAX
from matching.intake.readers import ROW_NO, Batch, column_names, parts, read
from matching.sources import LeakedSource

PATIENT = {"first_name": "Ann", "dob": "1980-01-02"}


def source(format_: str = "json", **more: object) -> LeakedSource:
    return LeakedSource.model_validate({"path": "x", "format": format_, **more})


def written(tmp_path: Path, data: str | bytes) -> Content:
    path = tmp_path / "a.json"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return Content(path)


def whole(content: Content, entry: LeakedSource, part: str = "") -> Batch:
    batches = list(read(content, entry, part))
    return Batch(
        pl.concat([b.rows for b in batches], how="diagonal"),
        pl.concat([b.rejects for b in batches]),
        sum(b.covered for b in batches),
        sum(b.guessed for b in batches),
    )


def rows(batch: Batch) -> list[dict[str, str]]:
    """Values that are there."""
    found = batch.rows.drop(ROW_NO).iter_rows(named=True)
    return [{name: value for name, value in row.items() if value is not None} for row in found]


def covered(content: Content, entry: LeakedSource) -> int:
    return sum(whole(content, entry, part).covered for part in parts(content, entry))


# --- shapes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('[{"a": 1}, {"a": 2}]', {"": [{"a": "1"}, {"a": "2"}]}),
        ('{\n  "a": 1\n}\n{\n  "a": 2\n}\n', {"": [{"a": "1"}, {"a": "2"}]}),
        ('[{"a": 1}]\n[{"a": 2}]', {"": [{"a": "1"}, {"a": "2"}]}),
        ('{"a": 1, "b": {"c": []}}', {"": [{"a": "1"}]}),
        ('["x", 1]\n["y", 2]', {"": [{"c0": "x", "c1": "1"}, {"c0": "y", "c1": "2"}]}),
        ('{"data": {"patients": [{"x": 1}, {"x": 2}]}}', {"data.patients": [{"x": "1"}, {"x": "2"}]}),
        (
            '{"columns": ["x", "y"], "data": [[1, 2], [3, null]]}',
            {"": [{"columns": "x|y"}], "data": [{"c0": "1", "c1": "2"}, {"c0": "3"}]},
        ),
        (
            '{"page": 1, "rows": [{"dob": "a"}]}\n{"page": 2, "rows": [{"dob": "b"}, {"dob": "c"}]}',
            {"": [{"page": "1"}, {"page": "2"}], "rows": [{"dob": "a"}, {"dob": "b"}, {"dob": "c"}]},
        ),
        (
            '[{"page": 1, "rows": [{"dob": "a"}]}, {"rows": [{"dob": "b"}]}]',
            {"": [{"page": "1"}, {}], "rows": [{"dob": "a"}, {"dob": "b"}]},
        ),
        (
            '{"resourceType": "Bundle", "entry": [{"resource": {"id": "1", "birthDate": "x"}}]}',
            {"": [{"resourceType": "Bundle"}], "entry": [{"resource.id": "1", "resource.birthDate": "x"}]},
        ),
        (
            '{"resourceType": "Patient", "birthDate": "x", "name": [{"given": ["A", "B"]}]}',
            {"": [{"resourceType": "Patient", "birthDate": "x", "name.0.given": "A|B"}]},
        ),
        (
            '{"first_name": "A", "visits": [{"on": 1}, {"on": 2}]}',
            {"": [{"first_name": "A", "visits.0.on": "1", "visits.1.on": "2"}]},
        ),
        (
            '{"guarantor": {"dob": "a"}, "dependents": [{"dob": "b"}]}',
            {"": [{"guarantor.dob": "a"}], "dependents": [{"dob": "b"}]},
        ),
    ],
)  # fmt: skip
def test_what_is_a_record_and_what_a_table(
    tmp_path: Path, data: str, expected: dict[str, list[dict[str, str]]]
) -> None:
    content = written(tmp_path, data)
    found = {part: rows(whole(content, source(), part)) for part in parts(content, source())}
    assert found == expected
    assert covered(content, source()) == content.size()


def test_an_object_of_many_objects_is_a_table_by_its_keys(tmp_path: Path) -> None:
    users = {f"u{n}": {"name": f"n{n}"} for n in range(30)}
    content = written(tmp_path, json.dumps({"version": 3, "users": users}))
    assert parts(content, source()) == ("", "users")
    found = rows(whole(content, source(), "users"))
    assert found == [{"$key": f"u{n}", "name": f"n{n}"} for n in range(30)]
    assert covered(content, source()) == content.size()
    lone = written(tmp_path, json.dumps(users))
    assert rows(whole(lone, source()))[29] == {"$key": "u29", "name": "n29"}


def test_the_incident_file_decides_what_a_record_is(tmp_path: Path) -> None:
    content = written(tmp_path, json.dumps({"first_name": "A", "visits": [{"on": 1}]}))
    assert parts(content, source(table="visits")) == ("", "visits")
    wrapped = written(tmp_path, json.dumps({"patients": [PATIENT]}))
    assert parts(wrapped, source(table="$")) == ("$",)
    assert rows(whole(wrapped, source(table="$"), "$")) == [
        {"patients.0.first_name": "Ann", "patients.0.dob": "1980-01-02"}
    ]


# --- values ---------------------------------------------------------------------------------


def test_nested_values_become_columns(tmp_path: Path) -> None:
    record = {
        "name": {"given": "Zoë", "family": "O'Neil"},
        "phones": ["1", None, 2],
        "telecom": [{"v": n} for n in range(10)],
        "mixed": ["x", {"y": 1}, [1, 2]],
        "zip": "01234",
        "n": 20701.0,
        "flag": True,
        "nothing": None,
        "blank": " \u00a0",
    }
    found = rows(whole(written(tmp_path, json.dumps([record])), source()))[0]
    assert {name: value for name, value in found.items() if not name.startswith("telecom")} == {
        "name.given": "Zoë",
        "name.family": "O'Neil",
        "phones": "1|2",
        "mixed": "x",
        "mixed.1.y": "1",
        "mixed.2": "1|2",
        "zip": "01234",
        "n": "20701",
        "flag": "true",
    }
    assert [found[f"telecom.{n}.v"] for n in range(8)] == [str(n) for n in range(8)]
    assert json.loads(found["telecom[8:]"]) == [{"v": 8}, {"v": 9}]


def test_names_of_columns_say_one_path_only(tmp_path: Path) -> None:
    record = {"a.b": {"c": 1}, "a": {"b.c": 2, "0": 3}, 'q"': 4, "": 5, "$key": 6, "Phone #": 7}
    found = rows(whole(written(tmp_path, json.dumps([record])), source()))[0]
    assert found == {
        '"a.b".c': "1",
        'a."b.c"': "2",
        'a."0"': "3",
        '"q"""': "4",
        '""': "5",
        '"$key"': "6",
        "Phone #": "7",
    }
    assert [split(quoted(key)) for key in record] == [[key] for key in record]


def test_a_key_that_comes_twice_keeps_both_values(tmp_path: Path) -> None:
    content = written(tmp_path, '[{"n": "A", "n": "B", "\\u006e": "C"}, {"\\u006e": "D"}]')
    both, one = rows(whole(content, source()))
    assert (both["n"], sorted(both.values()), one) == ("A", ["A", "B", "C"], {"n": "D"})


def test_more_paths_than_there_is_room_for_are_kept_as_json(tmp_path: Path) -> None:
    record = {**{f"k{n}": n for n in range(6000)}, "mapped": "here", "deep": {"x": [1]}}
    content = written(tmp_path, json.dumps([record]))
    entry = source(columns={"record_id": "mapped"})
    found = rows(whole(content, entry))[0]
    assert found["mapped"] == "here"
    assert found["k0"] == "0"
    left = json.loads(found["[*]"])
    assert left["k5999"] == 5999
    assert len(found) + len(left) - 1 >= len(record)


def test_a_mapped_key_is_found_however_late(tmp_path: Path) -> None:
    lines = ['{"a": 1, "note": "' + "x" * 90 + '"}'] * 30_000 + ['{"a": 1, "rare": {"key": 2}}']
    content = written(tmp_path, "\n".join(lines))
    entry = source("jsonl", columns={"mrn": "rare.key"})
    assert "rare.key" in column_names(content, entry)
    assert "rare.key" not in column_names(content, source("jsonl"))


def test_escapes_and_halves_of_pairs(tmp_path: Path) -> None:
    content = written(
        tmp_path,
        r'[{"a": "\u00e9\n\"\/\\\ud83d\ude00"}, {"a": "Jo\ud83d"}, {"a": NaN}, {"a": -Infinity}]',
    )
    batch = whole(content, source())
    assert batch.rows["a"].to_list() == ['é\n"/\\😀', "Jo\ufffd", "NaN", "-Infinity"]
    assert batch.guessed == 1


# --- what is wrong --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('{"id": 2, "b": "unclosed},', "bad_json"),
        ('{"id": 2, "b": {"c": 1},', "bad_json"),
        ('{"id": 2, "b": [1, 2},', "bad_json"),
        ("{'id': 2},", "bad_json"),
        ('{"id": 2, "b": tru},', "bad_json"),
        ('{"id": 2, "b": "\\x41"},', "bad_escape"),
        ('{"id": 2, "b": 1,},', "trailing_comma"),
        ('{"id": 2, "b": "\0"},', "nul_byte"),
        ('{"id": 2, "b": "\udcff"},', "undecodable_bytes"),
        ('"text",', "not_a_record"),
        ("null,", "not_a_record"),
        ('{"id": 2},,', "stray_text"),
        ('{"id": 2}},', "stray_text"),
        ('{"id": 2}', "missing_comma"),
        ('{"id": 2, "b":' + "[" * 300 + "]" * 300 + "},", "too_deep"),
    ],
)
@pytest.mark.parametrize("indent", ["\n", "\n    ", " "])
def test_a_broken_record_costs_itself_only(
    tmp_path: Path, bad: str, reason: str, indent: str
) -> None:
    lines = [f'{{"id": {n}, "b": {{"c": "}}{n}"}}}},' for n in range(1000)]
    lines.insert(500, bad)
    data = "[" + indent + indent.join(lines)[:-1] + "\n]\n"
    content = written(tmp_path, data.encode("utf-8", "surrogateescape"))
    batch = whole(content, source())
    kept = [row for row in batch.rows["id"].to_list() if row is not None]
    assert set(kept) >= {str(n) for n in range(1000)}
    assert reason in batch.rejects["reason"].to_list()
    assert batch.rejects.height <= 2
    assert batch.covered == content.size()


@pytest.mark.parametrize(
    ("data", "reasons"),
    [
        ('[{"a": 1}, {"a": 2', ["truncated_last_row"]),
        ('[{"a": 1}', ["unclosed_array"]),
        ('[{"a": 1},]', ["trailing_comma"]),
        ('[{"a": 1}] and more', ["stray_text"]),
        ('[{"a": 1}]\0\0\0', ["stray_text"]),
        ('{"page": 1, "rows": [{"dob": 1}, {"dob": 2', ["truncated_last_row"]),
    ],
)
def test_how_a_file_ends_is_said(tmp_path: Path, data: str, reasons: list[str]) -> None:
    content = written(tmp_path, data)
    batches = [whole(content, source(), part) for part in parts(content, source())]
    assert [reason for b in batches for reason in b.rejects["reason"]] == reasons
    assert sum(b.covered for b in batches) == content.size()
    kept = [value for b in batches for row in rows(b) for value in row.values()]
    assert kept == ["1"] * len(kept)
    assert kept


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("name,dob\n", "no JSON"),
        (" \n ", "empty file"),
        ("[" * 100_000 + "]" * 100_000, "more than 200 deep"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "more than 200 deep"),
        ("[{'a': 1}]", "no record can be read, the first is bad_json at byte 1"),
    ],
)
def test_what_is_no_json_at_all_is_refused_in_one_line(
    tmp_path: Path, data: str, says: str
) -> None:
    content = written(tmp_path, data)
    with pytest.raises(OperatorError, match=says) as failure:
        column_names(content, source(), parts(content, source())[0])
    assert "\n" not in str(failure.value)
    assert "name,dob" not in str(failure.value)


def test_a_record_without_end_is_passed_by_and_not_held(tmp_path: Path) -> None:
    long = '{"id": 1, "b": "' + "x" * (RECORD_BYTES_MAX + 10) + '"}'
    for format_, data in (
        ("json", f'[{{"id": 0}},{long},{{"id": 2}}]'),
        ("jsonl", f'{{"id": 0}}\n{long}\n{{"id": 2}}\n'),
    ):
        content = written(tmp_path, data)
        pieces = list(readers._pieces(content, source(format_), "", readers.START, size=1 << 20))
        batches = [piece.parse() for piece in pieces]
        assert [v for b in batches if "id" in b.rows.columns for v in b.rows["id"]] == ["0", "2"]
        assert [b.rejects.row(0)[::2] for b in batches if b.rejects.height] == [(1, "too_long")]
        assert sum(b.covered for b in batches) == content.size()


# --- lines ----------------------------------------------------------------------------------


def test_lines_hold_objects_arrays_and_what_is_neither(tmp_path: Path) -> None:
    content = written(
        tmp_path, '{"a": 1}\n\n{"a": 2}{"a": "}{"}\r\n[3, 4]\n5\n{"a": \n  \n{"a": "x'
    )
    batch = whole(content, source("jsonl"))
    assert rows(batch) == [{"a": "1"}, {"a": "2"}, {"a": "}{"}, {"c0": "3", "c1": "4"}]
    assert batch.rejects.select("row_no", "reason").rows() == [
        (4, "not_a_record"),
        (5, "unclosed_record"),
        (6, "truncated_last_row"),
    ]
    assert batch.covered == content.size()


@pytest.mark.parametrize("format_", ["json", "jsonl"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_and_their_offsets(tmp_path: Path, format_: str, encoding: str) -> None:
    lines = ['{"a": "Zoë"}', '{"a": "É}', '{"a": "Ö"}']
    content = written(tmp_path, "\n".join(lines).encode(encoding))
    batch = whole(content, source(format_, encoding=encoding))
    assert batch.rows["a"].to_list() == ["Zoë", "Ö"]
    assert batch.rejects["offset"].to_list() == [len((lines[0] + "\n").encode(encoding))]
    assert batch.covered == content.size()


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_mixed_encodings(tmp_path: Path, format_: str) -> None:
    content = written(tmp_path, b'{"a": "Zo\xeb"}\n{"a": "Zo\xc3\xab", "b": "\xff"}\n{"a": "x"}')
    batch = whole(content, source(format_, encoding="mixed"))
    assert batch.rows["a"].to_list() == ["Zoë", "Zoë", "x"]
    assert (batch.guessed, batch.covered) == (2, content.size())


# --- pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("forget", [False, True])
def test_reading_goes_on_where_a_piece_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, forget: bool
) -> None:
    monkeypatch.setattr(readers, "PORTION_ROWS", 12)
    monkeypatch.setattr(text, "BLOCK_BYTES", 128)
    pages = [
        {"page": n, "rows": [{"dob": f"é{n}.{m}", "x": {"y": [m]}} for m in range(n)], "end": "}"}
        for n in range(12)
    ]
    data = "\n".join(json.dumps(page, indent=1 if page["page"] % 2 else None) for page in pages)
    content = written(tmp_path, data.replace("é5.3", 'é5.3" "').encode(encoding))
    entry = source(encoding=encoding)
    assert parts(content, entry) == ("", "rows")
    total = 0
    for part in ("", "rows"):
        start = readers.START
        at_once = list(readers.portions(content, entry, part))
        for portion in at_once:
            if forget:
                json_document._states.clear()
            again = next(readers.portions(content, entry, part, start=start))
            assert (again.end, again.last) == (portion.end, portion.last)
            for one, other in zip(again.batches(), portion.batches(), strict=True):
                assert one.rows.equals(other.rows)
                assert one.rejects.equals(other.rejects)
                assert one.covered == other.covered
                total += one.covered
            start = portion.end
        assert len(at_once) > (part == "rows")
    assert total == content.size()
