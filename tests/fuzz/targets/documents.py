"""JSON lines, JSON documents and SQL dumps."""

from __future__ import annotations

from tests.fuzz.targets.tables import behind, both, source

__all__ = ["TARGETS"]

JSON_ROWS = (
    b'{"id": 1, "name": "Wrenquist", "ssn": "943-55-0187", "born": null}',
    b'{"id": 2.50, "name": "Zo\\u00eb \\ud83d\\ude00", "tags": ["a", "b"], "home": {"zip": "01234"}}',
    b'{"id":3,"ok":true,"kids":[{"name":"x"},{"name":"y"}],"a.b":-1e-7}',
)
JSON_TOKENS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b'"a":', b'"id":1', b"null", b"true", b"\\u0000", b"\\ud800", b"\\", b"\n",
    b" ", b"1e999", b"-", b"0123", b'{"a":' * 60, b"[" * 60, b"]" * 60, b"NaN", b"//", b'"rows":[', b"\x1e", b"'",
)  # fmt: skip
MYSQL = b"""-- MySQL dump 10.13
CREATE TABLE `people` (`id` int, `name` varchar(50), `ssn` text, `photo` blob);
LOCK TABLES `people` WRITE;
INSERT INTO `people` VALUES (1,'Wrenquist','943-55-0187',NULL),(2,'O\\'Neil; --','',0x4A6F);
INSERT INTO `people` (`name`,`id`) VALUES ('Zo\xc3\xab',-3.5e2),(NULL,4);
UNLOCK TABLES;
"""
POSTGRES = b"""-- PostgreSQL database dump
SET standard_conforming_strings = on;
CREATE TABLE public.people (id integer, name text, note text);
COPY public.people (id, name, note) FROM stdin;
1\tWrenquist\t943-55-0187
2\tZo\xc3\xab\\t\\\\\t\\N
\\.
INSERT INTO public.people VALUES (3, E'it\\'s', $$a;b$$);
"""
SQL_ROWS = (
    b"INSERT INTO `people` VALUES (1,'Wrenquist','943-55-0187',NULL);",
    b"INSERT INTO `people` VALUES (2,'O\\'Neil','',0x4A6F),(3,'b;c','\xc3\xab',_binary 'x');",
    b"REPLACE INTO people (name, id) VALUES ('Zo\xc3\xab', -3.5e2);",
)
SQL_TOKENS = (
    b"'", b'"', b"`", b"\\", b";", b"--", b"/*", b"*/", b"/*!50000 ", b"),(", b");\n", b"(", b",", b"NULL", b"\\N", b"\\.",
    b"$$", b"$a$", b"#", b"0x", b"X'", b"E'", b"N'", b"\x00", b"\x1a", b"\r", b"GO\n", b"INSERT INTO people VALUES ",
    b"COPY people (id, name) FROM stdin;\n", b"CREATE TABLE ", b"DELIMITER //\n", b"::text", b"CAST(1 AS", b"1e5", b"\n",
    b" DEFAULT", b"ON CONFLICT", b"SELECT", b"BEGIN", b"\t", b"'||'", b"_utf8'", b"b'101'", b"(SELECT",
)  # fmt: skip

TARGETS = (
    *both(
        "jsonl", [b"\n".join(JSON_ROWS) + b"\n"], JSON_ROWS, JSON_TOKENS,
        [source("jsonl"), source("jsonl", encoding="mixed"), source("jsonl", encoding="utf-16")],
        behind(b""),
    ),
    *both(
        "json",
        [
            b"[" + b",\n".join(JSON_ROWS) + b"]",
            b'{"meta": {"n": 3}, "people": [' + b",".join(JSON_ROWS) + b'], "visits": [{"id": 1}, {"id": 2}]}',
        ],
        JSON_ROWS, JSON_TOKENS,
        [source("json"), source("json", table="people"), source("json", table="$"), source("json", encoding="cp1252")],
        behind(b'{"people":[', b",\n", b"{}]}"),
    ),
    *both(
        "sql", [MYSQL, POSTGRES, MYSQL + POSTGRES], SQL_ROWS, SQL_TOKENS,
        [source("sql"), source("sql", table="people"), source("sql", encoding="cp1252"), source("sql", encoding="mixed")],
        behind(MYSQL),
    ),
)  # fmt: skip
