"""Run in a network of its own, with a name server of its own: a name that first lies on the internet and then on this machine.

Prints what each message came to, and who was called where. `tests/act/test_tell.py` starts it.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from allears.act import plugin
from allears.act.send import Message
from allears.act.tell import Teller

PUBLIC, INSIDE, PORT = "8.8.4.4", "127.0.0.1", 8123
# What a name's look-ups are answered, one after the other; the last one for good.
NAMES = {
    b"turns": [[PUBLIC], [INSIDE]],
    b"mail": [[INSIDE]],
    b"both": [[INSIDE, PUBLIC]],
    b"public": [[PUBLIC]],
}
CALLED: dict[str, int] = {"public": 0, "inside": 0}


def answer_names(listener: socket.socket) -> None:
    while True:
        asked, sender = listener.recvfrom(512)
        end = asked.index(b"\0", 12)
        question, kind = asked[12 : end + 5], struct.unpack(">H", asked[end + 1 : end + 3])[0]
        # Whoever asks for another name is told that it has no address; nobody is left without an answer.
        answers = NAMES.get(question[1 : 1 + question[0]], [[]])
        found = (answers.pop(0) if len(answers) > 1 else answers[0]) if kind == 1 else []
        records = b"".join(
            b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(one) for one in found
        )
        head = asked[:2] + struct.pack(">HHHHH", 0x8180, 1, len(found), 0, 0)
        listener.sendto(head + question + records, sender)


def serve(where: str, address: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            CALLED[where] += 1
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(307 if self.path == "/away" else 200)
            self.send_header("Location", f"http://{INSIDE}:{PORT}/")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    served = ThreadingHTTPServer((address, PORT), Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()


async def told() -> dict[str, object]:
    found: dict[str, object] = {}

    async def tell(what: str, address: str, *, allow_private: bool = False) -> None:
        message = Message("msg_1", "case.opened", json.dumps({"data": {"title": "late"}}))
        scheme = address.partition(":")[0] + "://"
        outcome = await teller.tell(address, scheme, message, allow_private=allow_private)
        found[what] = [outcome.error or "sent", dict(CALLED)]

    async with Teller(20) as teller:
        await tell("first", f"json://turns.example:{PORT}/")
        await tell("second", f"json://turns.example:{PORT}/")
        await tell("mail", f"mailto://a:b@mail.example:{PORT}?smtp=mail.example&to=c@mail.example&mode=insecure")  # fmt: skip
        await tell("both", f"json://both.example:{PORT}/")
        await tell("away", f"json://public.example:{PORT}/away?redirect=yes")
        await tell("allowed", f"json://turns.example:{PORT}/", allow_private=True)
        await tell("no longer", f"json://turns.example:{PORT}/")
    return found


def followed() -> str:
    """Follow a redirect, as a plugin of its own mind would."""
    boundary = plugin.Boundary()
    sys.addaudithook(boundary)
    boundary.closed = True
    try:
        return str(requests.post(f"http://public.example:{PORT}/away", data="x", timeout=10).status_code)
    except requests.ConnectionError:
        return boundary.refused


def main() -> None:
    if sys.argv[1:] == ["follow"]:
        print(followed())
        return
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((INSIDE, 53))
    threading.Thread(target=answer_names, args=(listener,), daemon=True).start()
    serve("public", PUBLIC)
    serve("inside", INSIDE)
    answer = asyncio.run(told())
    # In a process of its own: the name server's answers go to this machine.
    done = subprocess.run([sys.executable, __file__, "follow"], stdout=subprocess.PIPE, text=True, check=True)
    answer["followed"] = [done.stdout.strip(), dict(CALLED)]
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
