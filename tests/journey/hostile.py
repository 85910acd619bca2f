"""Takes in hostile payloads while watching itself: run as a program, it prints what it did that it must not do.

Python's own audit events tell of sockets, processes, files and code. What happens below Python (the engine, the lake's
writer) is seen from outside: by a server that nobody may ask, and by a folder in which nothing may appear.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.listen.test_fuzz import MAIL, SEEDS
from tests.vendor_payloads import CASES

from allears.journey.briefing import brief
from allears.listen.hook import Parcel, pack
from allears.show import write_brief
from allears.space import Space

NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "socket.sendto", "urllib.Request",
           "http.client.connect", "ftplib.connect", "smtplib.connect")  # fmt: skip
PROCESS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty", "os.startfile", "ctypes.dlopen")  # fmt: skip
FILES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "shutil.copyfile",
)


def values(url: str, outside: Path) -> list[str]:
    """What somebody would write who hopes to be fetched, evaluated or written to a place of their choice."""
    canary = outside / "written"
    code = f"__import__('os').system('touch {canary}')"
    return [
        f"{url}/fetched?x=1",
        code,
        f"${{{code}}} {{{{{code}}}}} $(touch {canary}) `touch {canary}` %0atouch%20{canary}",
        f"../../../../..{canary}",
        f"file://{canary}",
        f"=HYPERLINK(\"{url}/sheet\") =cmd|'/c calc'!A1",
        f"'; COPY (SELECT 1) TO '{canary}'; --",
        f"<img src='{url}/img'><script src='{url}/js'></script>",
        "\x00\u202e\ud7ff" + "a" * 300,
    ]


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Walk to every text in a document."""
    if isinstance(document, str):
        yield path
    elif isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield from leaves(document[key], (*path, key))


def changed(document: Any, path: tuple[Any, ...], value: str) -> Any:
    """Copy a document with one text replaced."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(document[path[0]], path[1:], value)
    return copy


def bodies(example: bytes, bad: list[str], entity: bytes) -> Iterator[bytes]:
    """Write an example with something hostile at each place by turns."""
    try:
        document = json.loads(example)
    except ValueError:
        for at, value in enumerate(bad):
            words = example.split(b"The kettle")
            yield (
                value.encode("utf-8", "replace").join(words)
                if len(words) > 1
                else example[: at * 7] + value.encode() + example[at * 7 :]
            )
        start = example.find(b"?>") + 2
        yield example[:start] + entity + example[start:]
        return
    for number, path in enumerate(leaves(document), len(example)):
        yield json.dumps(changed(document, path, bad[number % len(bad)])).encode()
    yield json.dumps({"__class__": bad[1], "$ref": bad[0], "@type": bad[0], "xmlns": bad[0], **(document if isinstance(document, dict) else {})}).encode()  # fmt: skip


def main(folder: Path, url: str, outside: Path) -> None:
    found: list[str] = []
    watching = False
    inside = (str(folder), "/dev/null", "/proc/self")

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if not watching:
            return
        if event in NETWORK or event in PROCESS:
            found.append(event)
        elif event in FILES or (event == "open" and _writes(args)):
            place = str(args[0])
            if not place.startswith(inside) and not place.isdigit():
                found.append(f"{event} {place}")
        elif event in ("compile", "exec") and any(url in str(a) or str(outside) in str(a) for a in args):
            found.append(event)

    bad = values(url, outside)
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{url}/entity"><!ENTITY f SYSTEM "file://{outside}/secret">]>'.encode()
    sys.addaudithook(watch)
    with Space.open(folder) as space:
        # Once unwatched: what is loaded on first use is not what a payload did.
        _take(space, "signals", SEEDS["signals"][0], "warm")
        for case in CASES:
            _take(
                space, "hook", pack(Parcel(case.vendor, case.content_type, case.headers, case.body)), "warm"
            )
        space.digest()
        write_brief(brief(space.ground, space.permit("analytics")))
        watching = True
        taken = 0
        for case in CASES:
            for number, body in enumerate(bodies(case.body, bad, entity)):
                parcel = Parcel(case.vendor, case.content_type, {**case.headers, "x-link": bad[0]}, body)
                taken += _take(space, "hook", pack(parcel), f"{case.vendor}-{number}")
        html = MAIL.replace(b"\n\n", b"\nContent-Type: text/html\n\n") + bad[7].encode()
        for door, examples in {**SEEDS, "mail": [MAIL, html]}.items():
            for example in examples:
                for number, body in enumerate(bodies(example, bad, entity)):
                    taken += _take(space, door, body, f"hostile-{number}")
        space.digest()
        write_brief(brief(space.ground, space.permit("analytics")))
        watching = False
        stored = space.signals.count().execute()
    print(json.dumps({"found": sorted(set(found)), "taken": taken, "stored": int(stored)}))


def _take(space: Space, door: str, body: bytes, source: str) -> int:
    from allears.errors import AllearsError

    try:
        return space.take(door, body, source=source).accepted
    except AllearsError:
        return 0


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2] if len(args) > 2 else 0
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(isinstance(flags, int) and flags & 0o3)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
