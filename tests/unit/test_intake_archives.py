"""Archives and compressed files: the same rows as without them, every cap one line, no damage silent."""

import bz2
import gzip
import hashlib
import io
import lzma
import random
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest

from matching.errors import OperatorError
from matching.intake import readers
from matching.intake.content import Content, EncryptedMember, is_encrypted, members, skipped
from matching.intake.packed import archives, streams, zips
from matching.intake.pieces import Position
from matching.sources import LeakedSource
from tests.archive_bytes import tarred, zipped, zstd

RANDOM = random.Random(5)
CSV = "id,name\n" + "".join(f"{i},N{RANDOM.randrange(10**9)}\n" for i in range(20_000))
BYTES = CSV.encode()
SOURCE = LeakedSource(path="x", format="csv", columns={"record_id": "id"})


def put(tmp_path: Path, data: bytes, name: str = "delivered.bin") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def rows_of(content: Content) -> int:
    return sum(batch.rows.height for batch in readers.read(content, SOURCE))


PACKED = {
    "gzip": gzip.compress(BYTES),
    "gzip of several members": gzip.compress(BYTES[:1000]) + gzip.compress(BYTES[1000:]),
    "gzip with zeros behind": gzip.compress(BYTES) + bytes(512),
    "bzip2": bz2.compress(BYTES),
    "xz": lzma.compress(BYTES),
    "zstd": zstd(BYTES),
    "zstd of several frames": b"\x50\x2a\x4d\x18\x02\0\0\0ab" + zstd(BYTES[:99]) + zstd(BYTES[99:]),
    "gzip in gzip": gzip.compress(gzip.compress(BYTES)),
    "zip, deflated": zipped({"d/x.csv": BYTES}),
    "zip, stored": zipped({"d/x.csv": BYTES}, zipfile.ZIP_STORED),
    "zip, bzip2": zipped({"d/x.csv": BYTES}, zipfile.ZIP_BZIP2),
    "zip, lzma": zipped({"d/x.csv": BYTES}, zipfile.ZIP_LZMA),
    "tar": tarred({"d/x.csv": BYTES}),
    "tar of GNU": tarred({"d/" + "long" * 60 + ".csv": BYTES}, tarfile.GNU_FORMAT),
    "old tar": tarred({"x.csv": BYTES}, tarfile.USTAR_FORMAT),
    "tar.gz": gzip.compress(tarred({"d/x.csv": BYTES})),
    "tar.zst": zstd(tarred({"d/x.csv": BYTES})),
    "gzip in zip": zipped({"x.csv.gz": gzip.compress(BYTES)}),
    "tar.gz in zip in tar": tarred(
        {"a.zip": zipped({"b.tgz": gzip.compress(tarred({"x.csv": BYTES}))})}
    ),
}


@pytest.mark.parametrize("packed", PACKED.values(), ids=PACKED.keys())
def test_packed_bytes_are_read_as_they_were_whatever_the_name_says(
    tmp_path: Path, packed: bytes
) -> None:
    (content,) = members(put(tmp_path, packed, "of no.type"), "")
    assert content.sha256() == hashlib.sha256(BYTES).hexdigest()
    assert content.size() == len(BYTES)
    assert content.damage() is None
    assert content.head(7) == b"id,name"
    assert rows_of(content) == 20_000
    with content.open_random() as stream:
        stream.seek(-5, io.SEEK_END)
        assert stream.read() == BYTES[-5:]


def test_a_way_in_is_chosen_by_a_glob_over_the_names_on_it(tmp_path: Path) -> None:
    inner = zipped({"a.csv": BYTES, "b.txt": b"b"})
    path = put(tmp_path, zipped({"one/inner.zip": inner, "top.csv": BYTES}))

    def chosen(wanted: str) -> list[tuple[str, ...]]:
        return [content.members for content in members(path, wanted)]

    assert chosen("") == [("one/inner.zip", "a.csv"), ("one/inner.zip", "b.txt"), ("top.csv",)]
    assert chosen("*.csv") == [("one/inner.zip", "a.csv"), ("top.csv",)]
    assert chosen("one/inner.zip!*.txt") == [("one/inner.zip", "b.txt")]
    assert chosen("nothing") == []


def test_what_is_no_file_of_rows_is_listed_with_its_reason(tmp_path: Path) -> None:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for name, kind in (
            ("folder", tarfile.DIRTYPE),
            ("soft", tarfile.SYMTYPE),
            ("hard", tarfile.LNKTYPE),
            ("null", tarfile.CHRTYPE),
            ("pipe", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        for name in ("empty.csv", "__MACOSX/._x.csv", "d/.DS_Store", "/etc/passwd", "../../up.csv"):
            info = tarfile.TarInfo(name)
            info.size = 0 if name == "empty.csv" else 5
            archive.addfile(info, io.BytesIO(b"a\n1\n2"))
    path = put(tmp_path, sink.getvalue())
    assert {one.content.members[0]: one.reason for one in skipped(path)} == {
        "folder": "folder",
        "soft": "symbolic_link",
        "hard": "hard_link",
        "null": "device",
        "pipe": "device",
        "empty.csv": "empty",
        "__MACOSX/._x.csv": "resource_fork",
        "d/.DS_Store": "finder_data",
    }
    found = {content.members[0]: content for content in members(path, "")}
    assert set(found) == {"/etc/passwd", "../../up.csv"}
    assert found["/etc/passwd"].head(9) == b"a\n1\n2"  # the member's bytes, not the machine's


def test_members_of_one_name_are_both_read(tmp_path: Path) -> None:
    path = put(tmp_path, two_of_a_name())
    found = list(members(path, ""))
    assert [content.members for content in found] == [("x.csv",), ("x.csv#2",)]
    assert [content.head(9) for content in found] == [b"a\n1\n", b"a\n2\n"]


def two_of_a_name() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for data in (b"a\n1\n", b"a\n2\n"):
            info = tarfile.TarInfo("x.csv")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def test_names_are_read_as_utf8_or_code_page_437_and_shown_without_control_signs(
    tmp_path: Path,
) -> None:
    data = zipped({"zo\u00eb.csv": b"a\n1\n", "bell\x07.csv": b"a\n1\n"})
    names = [content.members[0] for content in members(put(tmp_path, data), "")]
    assert names == ["zo\u00eb.csv", "bell\ufffd.csv"]


def test_a_workbook_is_one_file_and_no_archive(tmp_path: Path) -> None:
    path = put(tmp_path, zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}))
    assert [content.members for content in members(path, "")] == [()]
    with pytest.raises(OperatorError, match="it is a workbook"):
        readers.parts(Content(path), SOURCE)


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pack", [gzip.compress, lambda data: bz2.compress(data, 1), lzma.compress, zstd]
)
def test_a_truncated_file_is_read_as_far_as_it_goes(tmp_path: Path, pack) -> None:
    whole = pack(BYTES)
    content = Content(put(tmp_path, whole[: len(whole) // 2]))
    damage = content.damage()
    assert damage is not None
    assert damage.reason == "archive_truncated"
    batches = list(readers.read(content, SOURCE))
    rejects = [row for batch in batches for row in batch.rejects.iter_rows()]
    assert rejects[-1][1:] == (damage.offset, "archive_truncated")
    assert damage.offset == content.size()
    rows = sum(batch.rows.height for batch in batches)
    assert (
        rows + len(rejects) == CSV.encode()[: damage.offset].count(b"\n") + 1 or damage.offset == 0
    )
    assert sum(batch.covered for batch in batches) == damage.offset


def test_a_wrong_checksum_at_the_end_costs_no_row(tmp_path: Path) -> None:
    broken = bytearray(gzip.compress(BYTES))
    broken[-8] ^= 1
    content = Content(put(tmp_path, bytes(broken)))
    batches = list(readers.read(content, SOURCE))
    assert sum(batch.rows.height for batch in batches) == 20_000
    assert [row for b in batches for row in b.rejects.iter_rows()] == [
        (20_000, len(BYTES), "archive_damaged")
    ]


def test_what_follows_a_compressed_stream_is_said(tmp_path: Path) -> None:
    content = Content(put(tmp_path, gzip.compress(BYTES) + b"appended by somebody"))
    damage = content.damage()
    assert damage
    assert (damage.offset, damage.reason) == (len(BYTES), "archive_damaged")


def test_a_flipped_byte_within_is_met_where_it_is(tmp_path: Path) -> None:
    stored = bytearray(zipped({"x.csv": BYTES}, zipfile.ZIP_STORED))
    stored[5000] ^= 1
    (content,) = members(put(tmp_path, bytes(stored)), "")
    damage = content.damage()
    assert damage
    assert damage.reason == "archive_damaged"
    assert damage.offset == len(BYTES)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_zip_cut_before_its_table_is_read_from_the_front(tmp_path: Path, streamed: bool) -> None:
    sink = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        for name in ("a.csv", "b.csv", "c.csv"):
            archive.writestr(name, BYTES)
    whole = sink.getvalue()
    path = put(tmp_path, whole[: len(whole) * 5 // 6])
    found = list(members(path, ""))
    assert [content.members[0] for content in found] == ["a.csv", "b.csv", "c.csv"]
    assert [content.sha256() == hashlib.sha256(BYTES).hexdigest() for content in found] == [
        True,
        True,
        False,
    ]
    assert [content.damage() is None for content in found] == [True, True, False]


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *args: int) -> int:
        raise OSError

    def tell(self) -> int:
        raise OSError


def test_a_zip_cut_within_its_table_says_so_with_the_last_member(tmp_path: Path) -> None:
    whole = zipped({"a.csv": BYTES, "b.csv": BYTES})
    found = list(members(put(tmp_path, whole[:-30]), ""))
    assert [content.damage() is not None for content in found] == [False, True]
    assert all(content.sha256() == hashlib.sha256(BYTES).hexdigest() for content in found)


@pytest.mark.parametrize("cut", [700, 30_000, 10_240])
def test_a_cut_tar_says_so_with_its_last_member(tmp_path: Path, cut: int) -> None:
    whole = tarred({"a.csv": BYTES, "b.csv": BYTES})
    end = whole.rfind(BYTES[-50:]) + 50
    path = put(tmp_path, whole[: end - cut] if cut != 10_240 else whole[:end])
    found = list(members(path, ""))
    assert [content.damage() is not None for content in found] == [False, True]


def test_a_second_tar_behind_the_first_is_not_passed_over(tmp_path: Path) -> None:
    path = put(tmp_path, tarred({"a.csv": BYTES}) + tarred({"b.csv": BYTES}))
    (content,) = members(path, "")
    assert content.damage()


def test_damage_of_a_tar_gz_is_said_once(tmp_path: Path) -> None:
    whole = gzip.compress(tarred({"a.csv": BYTES, "b.csv": BYTES}))
    found = list(members(put(tmp_path, whole[: len(whole) * 3 // 4]), ""))
    assert [content.damage() is not None for content in found] == [False, True]


def test_an_archive_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="nothing in it can be read; deliver it again"):
        list(members(put(tmp_path, b"PK\x03\x04" + bytes(9)), ""))
    content = Content(put(tmp_path, gzip.compress(BYTES)[:12], "x.gz"))
    with pytest.raises(OperatorError, match=r"x\.gz: damaged from its first byte on"):
        next(readers.read(content, SOURCE))


def test_a_damaged_workbook_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path, gzip.compress(zipped({"[Content_Types].xml": BYTES, "b": BYTES}))[:-2])
    source = LeakedSource(path="x", format="parquet")
    with pytest.raises(OperatorError, match="parquet cannot be read in part"):
        next(readers.read(Content(path), source))


def test_who_reads_on_behind_the_damage_gets_nothing_twice(tmp_path: Path) -> None:
    content = Content(put(tmp_path, gzip.compress(BYTES)[:-4]))
    whole = list(readers.portions(content, SOURCE))
    last = whole[-1]
    assert last.end.offset == len(BYTES) + 1
    (again,) = readers.portions(content, SOURCE, start=last.end)
    assert [batch for batch in again.batches() if batch.rejects.height] == []


# --- reading on --------------------------------------------------------------------------------


def test_reading_on_gives_the_same_rows_as_reading_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "PORTION_ROWS", 3_000)
    monkeypatch.setattr("matching.intake.text.BLOCK_BYTES", 20_000)
    monkeypatch.setattr(streams, "KEPT_BYTES", 50_000)
    (content,) = members(put(tmp_path, zipped({"x.csv": BYTES})), "")
    plain = Content(put(tmp_path, BYTES, "x.csv"))

    def ends(one: Content) -> list[Position]:
        return [portion.end for portion in readers.portions(one, SOURCE)]

    assert ends(content) == ends(plain)
    assert len(ends(content)) > 4


def test_a_stream_seeks_back_and_forth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEPT_BYTES", 1 << 20)
    data = RANDOM.randbytes(6 << 20)
    content = Content(put(tmp_path, gzip.compress(data, 1)))
    with content.open() as stream:
        for at in (5 << 20, 5 << 19, 0, 6 << 20, 100):
            stream.seek(at)
            assert stream.read(300) == data[at : at + 300]
        assert stream.seek(0, io.SEEK_END) == len(data)


# --- caps --------------------------------------------------------------------------------------


def test_a_ratio_that_only_bombs_have_is_refused_while_it_is_read(tmp_path: Path) -> None:
    content = Content(put(tmp_path, gzip.compress(bytes(70 << 20))))
    with pytest.raises(OperatorError, match="more than 500 times its"):
        content.size()
    with pytest.raises(OperatorError, match="more than 500 times its"):
        content.sha256()  # not only the first time


def test_repetitive_dumps_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RATIO_FROM_BYTES", 1 << 20)
    rows = b"".join(
        b"INSERT INTO `log` VALUES (%d,'login','ok','10.0.0.1',NULL);\n" % i for i in range(100_000)
    )
    content = Content(put(tmp_path, lzma.compress(rows)))
    assert content.size() == len(rows)
    assert len(rows) > 100 * content.path.stat().st_size


def test_a_claimed_ratio_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = put(tmp_path, zipped({"zeros.csv": bytes(80 << 20)}))
    with pytest.raises(OperatorError, match=r"zeros\.csv: unpacks to more than 500 times"):
        list(members(path, ""))


def test_a_member_that_claims_less_than_it_is_stops_at_its_claim(tmp_path: Path) -> None:
    data = bytearray(zipped({"x.csv": BYTES}))
    for sign, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.find(sign) + place
        data[at : at + 4] = struct.pack("<I", 1000)
    (content,) = members(put(tmp_path, bytes(data)), "")
    assert content.size() == 1000
    assert content.damage()


def test_members_that_share_bytes_are_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.csv": BYTES, "b.csv": BYTES}))
    second = data.rfind(b"PK\x01\x02")
    data[second + 42 : second + 46] = bytes(4)  # both begin at 0
    with pytest.raises(OperatorError, match="members that overlap"):
        list(members(put(tmp_path, bytes(data)), ""))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{i}.csv": b"a\n" for i in range(20)}
    for module in (zips, archives, "matching.intake.packed.tars"):
        target = module if isinstance(module, str) else module.__name__
        monkeypatch.setattr(f"{target}.MEMBERS_MAX", 10)
    for packed in (zipped(files), tarred(files)):
        with pytest.raises(OperatorError, match=r"members, more than 10|more than 10 members"):
            list(members(put(tmp_path, packed), ""))


def test_too_many_members_over_several_archives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MEMBERS_MAX", 10)
    inner = zipped({f"{i}.csv": b"a\n" for i in range(6)})
    with pytest.raises(OperatorError, match="more than 10 members"):
        list(members(put(tmp_path, zipped({"a.zip": inner, "b.zip": inner})), ""))


def test_archives_too_deep_are_refused(tmp_path: Path) -> None:
    packed = zipped({"x.csv": BYTES})
    for depth in range(archives.DEPTH_MAX - 1):
        packed = zipped({f"{depth}.zip": packed})
    assert len(list(members(put(tmp_path, packed), ""))) == 1
    with pytest.raises(OperatorError, match="more than 4 deep"):
        list(members(put(tmp_path, zipped({"more.zip": packed})), ""))
    thrice = gzip.compress(gzip.compress(gzip.compress(BYTES)))
    with pytest.raises(OperatorError, match="compressed more than 2 times"):
        list(members(put(tmp_path, thrice, "thrice"), ""))


def test_long_names_and_split_archives_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="name has 5,000 characters"):
        list(members(put(tmp_path, zipped({"n" * 5000: BYTES})), ""))
    data = bytearray(zipped({"a.csv": BYTES}))
    end = data.rfind(b"PK\x05\x06")
    data[end + 4 : end + 8] = struct.pack("<HH", 2, 2)
    with pytest.raises(OperatorError, match="one part of a split archive"):
        list(members(put(tmp_path, bytes(data)), ""))


def test_a_tar_header_without_end_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 2 << 30
    with pytest.raises(OperatorError, match="header of more than"):
        list(members(put(tmp_path, info.tobuf() + bytes(4096)), ""))


def test_a_decoder_that_asks_for_gigabytes_is_refused(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    content = Content(put(tmp_path, lzma.compress(b"a\n1\n", filters=filters)))
    with pytest.raises(OperatorError, match=r"needs .* memory to unpack"):
        content.size()


def test_a_method_that_is_not_read_is_said(tmp_path: Path) -> None:
    data = bytearray(zipped({"x.csv": BYTES}))
    for sign, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        at = data.find(sign) + place
        data[at : at + 2] = struct.pack("<H", 9)
    with pytest.raises(OperatorError, match="packed by method 9 of zip"):
        list(members(put(tmp_path, bytes(data)), ""))


# --- encrypted ---------------------------------------------------------------------------------


def locked_zip() -> bytes:
    data = bytearray(zipped({"x.csv": BYTES, "y.csv": b"a\n1\n"}))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.find(sign) + place] |= 1
    return bytes(data)


def test_an_encrypted_member_is_listed_and_never_read(tmp_path: Path) -> None:
    path = put(tmp_path, locked_zip())
    locked, plain = members(path, "")
    assert (is_encrypted(locked), is_encrypted(plain)) == (True, False)
    with pytest.raises(EncryptedMember, match=r"x\.csv: encrypted .* say secured"):
        readers.parts(locked, SOURCE)
    with pytest.raises(EncryptedMember):
        locked.open().read(1)
    assert (
        locked.size() == len(zlib.compress(BYTES)) - 6
    )  # for the inventory: the bytes as they lie there
    assert len(locked.sha256()) == 64


@pytest.mark.parametrize(
    "head",
    [
        b"age-encryption.org/v1\n-> X25519 ",
        b"-----BEGIN PGP MESSAGE-----\n\n",
        b"Salted__12345678",
        b"\x85\x01\x0c\x03" + bytes(8) + b"\x01" + bytes(200),
        b"\x8c\x0d\x04\x09\x03\x08" + bytes(200),
    ],
)
def test_encrypted_files_are_known_by_their_first_bytes(tmp_path: Path, head: bytes) -> None:
    content = Content(put(tmp_path, head + bytes(range(256))))
    assert is_encrypted(content)
    with pytest.raises(EncryptedMember):
        readers.parts(content, SOURCE)


@pytest.mark.parametrize(
    "text", ["id,name\n1,A\n", "\u00e9t\u00e9,\u00c1\n", "\x85\x01 r\u00e9sum\u00e9\n" * 50]
)
def test_text_is_never_taken_for_encrypted(tmp_path: Path, text: str) -> None:
    for encoding in ("utf-8", "cp1252", "latin-1", "utf-16"):
        content = Content(put(tmp_path, text.encode(encoding, "replace")))
        assert not is_encrypted(content)


def test_archives_that_are_not_read_say_what_to_do(tmp_path: Path) -> None:
    for head, what in ((b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07\x01\0", "RAR")):
        with pytest.raises(OperatorError, match=f"a {what} archive, which is not read; unpack"):
            readers.parts(Content(put(tmp_path, head + bytes(50))), SOURCE)
