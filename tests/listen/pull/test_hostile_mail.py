"""Mail that means harm, and mail servers that are broken as if they did."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.listen.pull.mailserver import _certificate

from allears.errors import WorldFailed
from allears.listen.pull.imap import Imap
from allears.listen.pull.page import Ask, Patience


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    _certificate(folder)
    return folder


@contextmanager
def speaking(certificate: Path, answers: dict[str, str]) -> Iterator[int]:
    """Speak IMAP over TLS: each command gets a prepared answer in place of a good one; ``~`` is an answer that drips."""
    import ssl

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    good = {
        "CAPABILITY": "* CAPABILITY IMAP4rev1\r\n",
        "EXAMINE": "* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n",
        "SEARCH": "* SEARCH 1 2\r\n",
        "RFC822.SIZE": "* 1 FETCH (UID 1 RFC822.SIZE 9)\r\n* 2 FETCH (UID 2 RFC822.SIZE 9)\r\n",
        "BODY.PEEK": "* 1 FETCH (UID 1 BODY[] {20}\r\nFrom: a@b.c\r\n\r\nhello)\r\n",
    }

    def serve() -> None:
        with suppress(OSError), tls.wrap_socket(server.accept()[0], server_side=True) as line:
            line.sendall(b"* OK ready\r\n")
            for command in line.makefile("rb"):
                tag, said = command.decode().split(" ", 1)
                key = next((k for k in good if k in said), "")
                answer = (good | answers).get(key, "")
                while answer == "~":
                    line.sendall(b"* OK still\r\n")
                    time.sleep(0.05)
                line.sendall(answer.encode())
                if "BYE" in answer:
                    return
                line.sendall(f"{tag} OK done\r\n".encode())

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    "answers",
    [
        {"BODY.PEEK": "* BYE shutting down\r\n"},
        {"BODY.PEEK": "* 1 FETCH (UID 1 BODY[] {99999999999999999999999999}\r\n"},
        {"BODY.PEEK": "* 1 FETCH (UID 1 BODY[] {9999999999999999}\r\n"},
        {"BODY.PEEK": "* 1 FETCH (UID 1 BODY[] {2000}\r\nFrom: a@b.c\r\n\r\nhi)\r\n* BYE\r\n"},
        {"BODY.PEEK": "* 1 FETCH (UID\r\n"},
        {"BODY.PEEK": "~"},
        {"SEARCH": "* SEARCH one two\r\n"},
        {"SEARCH": "~"},
        {"RFC822.SIZE": "* 1 FETCH (UID 1 RFC822.SIZE soon)\r\n"},
        {"EXAMINE": "* 1 EXISTS\r\n"},
        {"EXAMINE": "* OK [UIDVALIDITY x] x\r\n"},
    ],
    ids=lambda answers: "-".join(f"{k} {v.strip()[:24]}" for k, v in answers.items()),
)
def test_an_answer_that_is_none_ends_the_pull_in_words_and_the_next_one_tries_again(
    answers: dict[str, str], certificate: Path, ask: Callable[..., Ask]
) -> None:
    patience = Patience(timeout_seconds=3, answer_seconds=0.5)
    with speaking(certificate, answers) as port:
        asked = ask(
            "imap", url=f"imaps://u@127.0.0.1:{port}/INBOX", secret="s",
            options={"ca_file": str(certificate / "cert.pem")}, patience=patience,
        )  # fmt: skip
        begun = time.monotonic()
        with pytest.raises(WorldFailed, match="the mail server") as failed:
            list(Imap(asked).pages({}))
    assert failed.value.again and "a@b.c" not in str(failed.value)
    assert time.monotonic() - begun < 20
