"""Dumps made by MariaDB's and PostgreSQL's own tools are read back cell by cell, whatever their options.

Skipped where the servers are not installed. They run on sockets in temporary folders and are stopped again.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from matching.intake.content import Content
from matching.intake.readers import ROW_NO, parts, read
from matching.sources import LeakedSource

HOSTILE = (
    "O'Brien", 'say "hi"', "back\\slash", "\\", "\\'", "''", "'", "\\N", "NULL", "a\nb", "a\r\nb", "\ttab",
    "INSERT INTO `person` VALUES (1,'x');", "\nINSERT INTO public.person VALUES (1);\n", "a;b", "-- no", "/* no",
    "*/", "),(", "),(1,'a'),(2,'b'", "$$", "$tag$", "Zoë", "名前", "😀 Ann", "%_\\%", "`tick`", "\\.", "\n\\.\n",
    "{\"a\": [1, \"x\"]}", "", " ", "\u00a0", "0x41", "\x1a", "\x08", "#", "E'x'", "\x7f", "GO", "\\x41",
)  # fmt: skip
"""What people type, and what would be taken for SQL."""
ROWS = 400


def people(nul: bool) -> list[tuple[Any, ...]]:
    """Seeded rows: id, name, note, amount, born, photo."""
    rng = random.Random(7)
    texts = (*HOSTILE, "\0x") if nul else HOSTILE
    rows: list[tuple[Any, ...]] = []
    for number in range(ROWS):
        some = [rng.choice(texts) for _ in range(rng.randint(1, 4))]
        photo = rng.choice([None, b"", b"plain", b"\xff\xd8\x00'\\\n", bytes(range(256))])
        rows.append(
            (
                number,
                None if number % 17 == 0 else rng.choice(texts),
                "".join(some),
                f"{rng.randint(-999, 999)}.{rng.randint(10, 99)}",
                f"19{rng.randint(10, 99)}-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
                photo,
            )
        )
    return rows


def shown(value: object) -> str | None:
    """What intake makes of a text: blank is null."""
    return None if value is None or not str(value).strip() else str(value)


def shown_bytes(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex().upper()
    controls = any((ord(sign) < 32 and sign not in "\t\n\r") or sign == "\x7f" for sign in text)
    return "0x" + value.hex().upper() if controls else shown(text)


def whole(path: Path, part: str, **more: object) -> pl.DataFrame:
    """All rows of a table; nothing rejected, in order."""
    source = LeakedSource.model_validate({"path": "x", "format": "sql", **more})
    batches = list(read(Content(path), source, part))
    assert [batch.rejects.rows() for batch in batches if batch.rejects.height] == []
    rows = pl.concat([batch.rows for batch in batches])
    assert rows[ROW_NO].to_list() == list(range(rows.height))
    return rows.drop(ROW_NO)


def found_parts(path: Path, **more: object) -> tuple[str, ...]:
    """Names of the tables; every byte of the file belongs to one of them."""
    source = LeakedSource.model_validate({"path": "x", "format": "sql", **more})
    names = parts(Content(path), source)
    covered = sum(b.covered for name in names for b in read(Content(path), source, name))
    assert covered == path.stat().st_size
    return names


# --- MariaDB ---------------------------------------------------------------------------------

MARIADB = shutil.which("mariadbd") or shutil.which("mariadbd", path="/usr/sbin:/usr/bin")


class MariaDb:
    """A server on a socket."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "s"
        self.folder = folder
        me = pwd.getpwuid(os.geteuid()).pw_name
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={folder / 'data'}", f"--user={me}",
             "--auth-root-authentication-method=normal", "--skip-test-db"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.server = subprocess.Popen(
            [str(MARIADB), "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={self.socket}",
             f"--user={me}", "--skip-networking", "--innodb-flush-log-at-trx-commit=0",
             "--max-allowed-packet=64M"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(300):
            if self.socket.exists() and self._answers():
                return
            time.sleep(0.1)
        raise AssertionError("MariaDB did not start")

    def _answers(self) -> bool:
        ping = self._client("mariadb-admin", "ping")
        asked = subprocess.run(ping, capture_output=True, check=False)
        return asked.returncode == 0

    def _client(self, tool: str, *more: str) -> list[str]:
        return [tool, "--no-defaults", f"--socket={self.socket}", "--user=root", *more]

    def run(self, sql: str) -> None:
        subprocess.run(
            self._client("mariadb", "--default-character-set=utf8mb4"),
            input=sql.encode(), check=True, capture_output=True,
        )  # fmt: skip

    def dump(self, *options: str) -> Path:
        target = self.folder / "dump.sql"
        with target.open("wb") as out:
            subprocess.run(self._client("mariadb-dump", *options), stdout=out, check=True)
        return target

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait(30)


def _mysql_text(value: str | None) -> str:
    if value is None:
        return "NULL"
    return f"CONVERT(0x{value.encode().hex()} USING utf8mb4)" if value else "''"


MARIADB_SCHEMA = """
create database clinic character set utf8mb4;
create database other character set utf8mb4;
use clinic;
create table person (
  `id` int primary key, `name` varchar(200), `Note; text` text, `amount` decimal(9,2), `born` date,
  `photo` longblob, `initial` varchar(1) generated always as (left(`name`, 1)) virtual
) partition by hash (`id`) partitions 2;
create table audit (entry text);
create table empty_table (a int);
create view shown_people as select id, name from person;
create table other.person (id int, name text);
delimiter //
create trigger noted after insert on person for each row
begin
  insert into audit values ('a; b');
  insert into audit (entry) values (concat('x', new.id));
end//
create procedure fill() begin insert into person (id) values (1); end//
delimiter ;
insert into other.person values (1, 'Ann'), (2, 'Bob');
"""


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDb]:
    if MARIADB is None or shutil.which("mariadb-install-db") is None:
        pytest.skip("MariaDB's server is not installed")
    folder = Path(tempfile.mkdtemp())  # short: the name of a socket has at most 107 bytes
    server = MariaDb(folder)
    try:
        values = ",\n".join(
            f"({i},{_mysql_text(name)},{_mysql_text(note)},{amount},'{born}',"
            + ("NULL" if photo is None else f"0x{photo.hex()}" if photo else "''")
            + ")"
            for i, name, note, amount, born, photo in people(nul=True)
        )
        fields = "(`id`,`name`,`Note; text`,`amount`,`born`,`photo`)"
        server.run(MARIADB_SCHEMA + f"insert into person {fields} values {values};")
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--skip-extended-insert",),
        ("--complete-insert",),
        ("--hex-blob",),
        ("--skip-quote-names", "--complete-insert", "--ignore-table=clinic.person2"),
        ("--insert-ignore", "--routines", "--events"),
        ("--replace", "--hex-blob", "--skip-extended-insert"),
        ("--compact",),
        ("--compact", "--no-create-info"),
        ("--skip-opt", "--quick"),
        ("--skip-comments", "--single-transaction"),
        ("--net-buffer-length=4096", "--order-by-primary"),
        ("--compatible=ansi", "--default-character-set=utf8mb4"),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_mariadb_dumps_are_read_back(mariadb: MariaDb, options: tuple[str, ...]) -> None:
    """Text, numbers, dates, bytes and nulls; whatever becomes of the generated column."""
    if "--skip-quote-names" in options:
        mariadb.run(
            "create or replace table clinic.plain as select id, name, amount from clinic.person"
        )
        path = mariadb.dump(*options, "clinic", "plain")
        expected = [(str(i), shown(name), amount) for i, name, _, amount, _, _ in people(nul=True)]
        assert found_parts(path) == ("plain",)
        assert sorted(whole(path, "plain").rows(), key=lambda row: int(row[0])) == expected
        return
    path = mariadb.dump(*options, "clinic", "person", "audit", "empty_table", "shown_people")
    assert found_parts(path) == ("person", "audit") or found_parts(path) == ("audit", "person")
    rows = whole(path, "person")
    expected_rows = [
        (str(i), shown(name), shown(note), amount, born, shown_bytes(photo))
        for i, name, note, amount, born, photo in people(nul=True)
    ]
    kept = rows.select(
        rows.columns[:6]
    )  # MariaDB writes NULL for a generated column, and may leave it out
    assert sorted(kept.rows(), key=lambda row: int(row[0])) == expected_rows
    if "--no-create-info" not in options or "--complete-insert" in options:
        names = ["id", "name", "Note; text", "amount", "born", "photo"]
        assert rows.columns[:6] == names
    assert whole(path, "audit").height == 2 * ROWS


def test_databases_of_one_dump_are_told_apart(mariadb: MariaDb) -> None:
    path = mariadb.dump("--databases", "clinic", "other", "--routines")
    names = found_parts(path)
    assert {"clinic.person", "other.person", "clinic.audit"} <= set(names)
    assert whole(path, "other.person").rows() == [("1", "Ann"), ("2", "Bob")]
    assert whole(path, "clinic.person").height == ROWS


def test_a_dump_without_rows_has_its_tables(mariadb: MariaDb) -> None:
    path = mariadb.dump("--no-data", "clinic")
    assert {"person", "audit", "empty_table"} <= set(found_parts(path))


def test_a_dump_cut_anywhere_loses_one_row_at_most(mariadb: MariaDb) -> None:
    """All whole rows before the cut are kept, and the cut is said."""
    data = mariadb.dump("--compact", "clinic", "person").read_bytes()
    source = LeakedSource(path="x", format="sql")
    first = data.index(b"VALUES")
    for cut in range(first + 40, len(data) - 3, 997):
        path = mariadb.folder / "cut.sql"
        path.write_bytes(data[:cut])
        batches = list(read(Content(path), source, "person"))
        rows = pl.concat([batch.rows for batch in batches])
        assert rows["id"].to_list() == [str(n) for n in _order(data)][: rows.height], cut
        rejects = pl.concat([batch.rejects for batch in batches])
        assert sum(batch.covered for batch in batches) == cut
        assert rejects["reason"].to_list() in ([], ["truncated_last_row"])
        assert rows["id"].to_list() == [str(n) for n in _order(data)][: rows.height]


def _order(data: bytes) -> list[int]:
    """Partitions are dumped one after the other."""
    return [*range(0, ROWS, 2), *range(1, ROWS, 2)]


# --- PostgreSQL ------------------------------------------------------------------------------

POSTGRES = next(
    (path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None
)


class Postgres:
    """A server on a socket, as another user where we are root: it refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        assert POSTGRES is not None
        self.folder, self.bin = folder, POSTGRES
        self.data = folder / "data"
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "cwd": folder}
        self._run(
            "initdb", "-D", str(self.data), "-U", "me", "-E", "UTF8", "--locale=C.UTF-8", "-N"
        )
        self._run(
            "pg_ctl", "-D", str(self.data), "-w", "-l", str(folder / "log"), "start",
            "-o", f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off",
        )  # fmt: skip

    def _run(self, tool: str, *more: str, given: str | None = None) -> bytes:
        done = subprocess.run(
            [str(self.bin / tool), *more],
            input=given.encode() if given is not None else None,
            stdin=subprocess.DEVNULL if given is None else None,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, **self._as,
        )  # fmt: skip
        return done.stdout

    def run(self, sql: str) -> None:
        self._run(
            "psql", "-h", str(self.folder), "-U", "me", "-v", "ON_ERROR_STOP=1", "-q", "postgres",
            given=sql,
        )  # fmt: skip

    def dump(self, *options: str, tool: str = "pg_dump") -> Path:
        name = () if tool == "pg_dumpall" else ("postgres",)
        text = self._run(tool, "-h", str(self.folder), "-U", "me", *options, *name)
        target = self.folder / "dump.sql"
        target.write_bytes(text)
        return target

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", "immediate", "stop")


def _postgres_text(value: str | None) -> str:
    if value is None:
        return "NULL"
    return f"convert_from('\\x{value.encode().hex()}'::bytea, 'UTF8')"


POSTGRES_SCHEMA = """
create schema "Old Clinic";
create table "Old Clinic"."Person.Data" (
  id int generated always as identity primary key, "First Name" text, note text, amount numeric(9,2),
  born date, photo bytea, tags text[], initial text generated always as (left("First Name", 1)) stored,
  constraint checked check (note <> 'INSERT INTO x VALUES (1);')
);
create table public.visit (day date, ok boolean) partition by range (day);
create table public.visit_2020 partition of public.visit for values from ('2020-01-01') to ('2021-01-01');
create table public.empty_table (a int);
create table public.base (id int, name text);
create table public.child (extra text) inherits (public.base);
create function public.noted() returns trigger language plpgsql as $$
begin
  insert into public.visit values ('2020-01-01', true); -- it's
  return new;
end $$;
create function public.fill() returns void language sql
begin atomic
  insert into public.visit values ('2020-01-01', case when true then true else false end);
  insert into public.visit (day) values ('2020-01-01');
end;
create rule ruled as on insert to public.empty_table do also
  (insert into public.visit values ('2020-01-02'); insert into public.visit values ('2020-01-03'));
create view public.shown as select 1 as a;
comment on table public.visit is 'it''s; INSERT INTO public.visit VALUES (1)';
insert into public.visit values ('2020-05-06', true), ('2020-05-07', null);
insert into public.child values (1, 'Ann', 'x');
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if POSTGRES is None:
        pytest.skip("PostgreSQL's server is not installed")
    server = Postgres(Path(tempfile.mkdtemp()))
    try:
        values = ",\n".join(
            f"({_postgres_text(name)},{_postgres_text(note)},{amount},'{born}',"
            + ("NULL" if photo is None else f"'\\x{photo.hex()}'")
            + ",array['a,b', 'c''d'])"
            for _, name, note, amount, born, photo in people(nul=False)
        )
        fields = '("First Name", note, amount, born, photo, tags)'
        server.run(
            POSTGRES_SCHEMA + f'insert into "Old Clinic"."Person.Data" {fields} values {values};'
        )
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--inserts",),
        ("--column-inserts",),
        ("--inserts", "--rows-per-insert=7"),
        ("--column-inserts", "--rows-per-insert=100", "--on-conflict-do-nothing"),
        ("--data-only",),
        ("--clean", "--if-exists", "--create"),
        ("--quote-all-identifiers", "--disable-dollar-quoting"),
        ("--quote-all-identifiers", "--inserts"),
        ("--load-via-partition-root", "--no-owner"),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_postgres_dumps_are_read_back(postgres: Postgres, options: tuple[str, ...]) -> None:
    path = postgres.dump(*options)
    visits = "visit" if "--load-via-partition-root" in options else "visit_2020"
    names = found_parts(path)
    wanted = {"Old Clinic.Person.Data", f"public.{visits}", "public.child"}
    assert wanted <= set(names)
    assert set(names) - wanted <= {"public.base", "public.empty_table"}  # COPY blocks without lines
    rows = whole(path, "Old Clinic.Person.Data").select(pl.all().exclude("initial"))
    expected = [
        (str(i + 1), shown(name), shown(note), amount, born,
         None if photo is None else f"\\x{photo.hex()}", "{\"a,b\",c'd}")
        for i, name, note, amount, born, photo in people(nul=False)
    ]  # fmt: skip
    assert sorted(rows.rows(), key=lambda row: int(row[0])) == expected
    days = whole(path, f"public.{visits}").rows()
    assert [day for day, _ in days] == ["2020-05-06", "2020-05-07"]
    assert [ok for _, ok in days] in (["t", None], ["true", None])
    assert whole(path, "public.child").rows() == [("1", "Ann", "x")]
    assert whole(path, "public.child").columns == ["id", "name", "extra"]


def test_a_whole_cluster_is_read(postgres: Postgres) -> None:
    path = postgres.dump("--exclude-database=template1", tool="pg_dumpall")
    assert any(name.endswith("Old Clinic.Person.Data") for name in found_parts(path))
