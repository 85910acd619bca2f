"""A mailbox over IMAP: opened read-only, so that nothing is marked, moved or deleted; resumed by UID.

The cursor holds UIDVALIDITY and the last UID. When the server has numbered its messages anew, the mailbox is read again
from its beginning; messages are known by their Message-ID, so none counts twice.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import msgspec
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError, LoginError
from msgspec import Meta

from allears.errors import Refused, WorldFailed
from allears.listen.gather import Gather
from allears.listen.mail import BROKEN_MAIL, add_message, refuse_message
from allears.listen.pull.page import Ask, Cursor, Page
from allears.listen.reading import Reading, Refusal

_IDLE_SECONDS = 540.0  # servers and the boxes between forget a silent connection, some after ten minutes
_LOOK_SECONDS = 1.0
# What the libraries meet in answers that are none: sizes beyond any memory, numbers that are words, fields that are missing.
_NONSENSE = (MemoryError, OverflowError, LookupError, ValueError, TypeError)


class ImapOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of the kind ``imap``."""

    idle: Annotated[bool, Meta(description="Wait for news with IDLE where the server can.")] = True
    batch: Annotated[int, Meta(description="Messages fetched at once.", ge=1, le=1000)] = 50
    ca_file: Annotated[str | None, Meta(description="Certificate of a server of your own, PEM.")] = None
    oauth: Annotated[bool, Meta(description="The secret is an OAuth 2 access token, not a password.")] = False


class Imap:
    """Reads one folder of one mailbox.

    Parameters
    ----------
    ask
        ``url`` is ``imaps://user@host/folder`` (user percent-encoded; ``imap://`` starts TLS before it logs in).
    """

    relists = True
    mapping = None

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._options = ask.options_as(ImapOptions)
        try:
            parts = urlsplit(ask.needed_url())
            self._port = parts.port or (993 if parts.scheme == "imaps" else 143)
        except ValueError:
            raise Refused("expected imaps://user@host/folder", place=ask.place) from None
        if parts.scheme not in ("imaps", "imap") or not parts.hostname or not parts.username:
            raise Refused("expected imaps://user@host/folder", place=ask.place)
        if parts.password is not None:
            raise Refused(
                "a password does not belong in the url: seal it, or name a variable", place=ask.place
            )
        if not ask.secret:
            raise Refused(
                f"it needs a password: `allears pulls secret {ask.name}`, or `secret_env`", place=ask.place
            )
        self._scheme, self._host, self._user = parts.scheme, parts.hostname, unquote(parts.username)
        self._folder = unquote(parts.path.strip("/")) or "INBOX"

    def pages(self, cursor: Cursor) -> Generator[Page, None, None]:
        """Fetch what came after the cursor; go on waiting for more when following."""
        with self._opened() as (client, validity):
            uid = int(cursor.get("uid", 0)) if cursor.get("validity") == validity else 0
            while True:
                for page in self._fetch(client, validity, uid):
                    uid = int((page.cursor or {})["uid"])
                    yield page
                if not (self._ask.follow and self._options.idle and b"IDLE" in client.capabilities()):
                    return
                if not self._wait(client):
                    return

    def _fetch(self, client: IMAPClient, validity: int, uid: int) -> Iterator[Page]:
        # "n:*" always names the last message, also when it is older than n.
        with self._in_time(client):
            listed = client.search(["UID", f"{uid + 1}:*"])
        found = sorted(one for one in listed if one > uid)
        for start in range(0, len(found), self._options.batch):
            part = found[start : start + self._options.batch]
            with self._in_time(client):
                sizes = client.fetch(part, ["RFC822.SIZE"])
            gather = Gather(self._ask.context())
            refused: list[Refusal] = []
            for one in part:
                self._take(client, one, sizes, gather, refused)
            yield Page(Reading(gather.rows(), refused), {"validity": validity, "uid": part[-1]})

    def _take(self, client: IMAPClient, uid: int, sizes: Any, gather: Gather, refused: list[Refusal]) -> None:
        place = f"{self._folder} uid {uid}"
        size = int(sizes.get(uid, {}).get(b"RFC822.SIZE", 0))
        if size > self._ask.limits.max_line:
            refused.append(
                Refusal(place, f"a message longer than {self._ask.limits.max_line:,} bytes", b"", "raw")
            )
            return
        # PEEK leaves \\Seen alone even where a server ignores that the folder was opened read-only.
        with self._in_time(client):
            raw = client.fetch([uid], ["BODY.PEEK[]"]).get(uid, {}).get(b"BODY[]")
        if raw is None:  # deleted since it was listed
            return
        try:
            add_message(gather, bytes(raw))
        except BROKEN_MAIL as error:
            refused.append(refuse_message(error, place, bytes(raw)))

    def _wait(self, client: IMAPClient) -> bool:
        """Wait for news; False when the pull was stopped."""
        client.idle()
        until = time.monotonic() + _IDLE_SECONDS
        try:
            while time.monotonic() < until and not self._ask.stop.is_set():
                if any(
                    len(told) > 1 and told[1] == b"EXISTS"
                    for told in client.idle_check(timeout=_LOOK_SECONDS)
                ):
                    break
        finally:
            client.idle_done()
        return not self._ask.stop.is_set()

    @contextmanager
    def _opened(self) -> Iterator[tuple[IMAPClient, int]]:
        client: IMAPClient | None = None
        try:
            client = IMAPClient(
                self._host, self._port, ssl=self._scheme == "imaps", ssl_context=self._tls() if self._scheme == "imaps" else None,
                timeout=self._ask.patience.timeout_seconds,
            )  # fmt: skip
            with self._in_time(client):
                if self._scheme == "imap":
                    client.starttls(self._tls())
                log_in = client.oauth2_login if self._options.oauth else client.login
                log_in(self._user, self._ask.secret)
                opened = client.select_folder(self._folder, readonly=True)
            yield client, int(opened[b"UIDVALIDITY"])
        except LoginError:
            raise WorldFailed("the server refused user or password", place=self._ask.place) from None
        except ssl.SSLCertVerificationError:
            raise WorldFailed("the server's certificate is not trusted", place=self._ask.place) from None
        except IMAPClientError as error:
            again = not str(error).lower().startswith("select failed")
            raise WorldFailed(
                "the mail server refused: " + type(error).__name__, place=self._ask.place, again=again
            ) from None
        except (OSError, EOFError, *_NONSENSE) as error:
            raise WorldFailed(
                f"the mail server failed: {type(error).__name__}", place=self._ask.place, again=True
            ) from None
        finally:
            if client is not None:
                self._leave(client)

    @contextmanager
    def _in_time(self, client: IMAPClient) -> Iterator[None]:
        """Cut the connection when an answer as a whole takes too long: the library's own limit is for each read."""

        def cut() -> None:
            with suppress(OSError):
                client.socket().shutdown(socket.SHUT_RDWR)

        watch = threading.Timer(self._ask.patience.answer_seconds, cut)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _leave(self, client: IMAPClient) -> None:
        try:
            with self._in_time(client):
                client.logout()
        except (IMAPClientError, OSError, EOFError, *_NONSENSE):
            with suppress(OSError):
                client.shutdown()

    def _tls(self) -> ssl.SSLContext:
        given = self._options.ca_file
        return ssl.create_default_context(cafile=str(self._ask.folder / given) if given else None)
