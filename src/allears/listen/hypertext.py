"""HTML turned into the text a reader sees; in one pass, whatever the markup is like."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9]*)")
_BREAKS = frozenset(
    ("br", "p", "div", "li", "tr", "table", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "pre", "section", "article")
)  # fmt: skip
_UNSEEN = frozenset(("style", "script", "head", "title", "template", "noscript"))
_EMPTY = frozenset(("br", "hr", "img", "input", "meta", "link", "area", "base", "col", "wbr"))
_HIDDEN = re.compile(r"display\s*:\s*none", re.I)
# Where mail programs put the message that is answered: nothing after this mark is the writer's.
_ANSWERED = re.compile(
    r"(?:id|class|name)\s*=\s*[\"']?[^\"'>]*(?:gmail_quote|divRplyFwdMsg|appendonsend|yahoo_quoted|moz-cite-prefix|OLK_SRC_BODY_SECTION"
    r"|protonmail_quote|zmail_extra|WordSection1-quoted)",
    re.I,
)
_SPACES = re.compile(r"[ \t\r\n\f\u00a0\u200b\u200c\ufeff]+")


def read_html(text: str) -> str:
    r"""Read HTML as text: lines where blocks end, quotations marked with ``>``, nothing that is hidden.

    Examples
    --------
    >>> read_html("<head><title>x</title></head><p>Tea &amp; cake</p><blockquote>Milk?</blockquote>")
    'Tea & cake\n> Milk?'
    >>> read_html("a < b <b>and</b> c")
    'a < b and c'
    """
    lines = _Lines()
    unseen: str | None = None
    nested = 0
    for tag, piece in _tokens(text):
        if unseen is not None:
            # Only its own tags count inside something unseen.
            nested += (tag == unseen) - (tag == f"/{unseen}")
            unseen = unseen if nested > 0 else None
        elif tag is None:
            lines.write(piece)
        elif tag in _UNSEEN or (tag not in _EMPTY and _HIDDEN.search(piece)):
            unseen, nested = tag, 1
        elif _ANSWERED.search(piece):
            break
        elif tag.removeprefix("/") == "blockquote":
            lines.quote(-1 if tag.startswith("/") else 1)
        elif tag.removeprefix("/") in _BREAKS:
            lines.end()
    return lines.text()


class _Lines:
    def __init__(self) -> None:
        self._done: list[str] = []
        self._line: list[str] = []
        self._depth = 0

    def write(self, piece: str) -> None:
        self._line.append(html.unescape(piece) if "&" in piece else piece)

    def end(self) -> None:
        line = _SPACES.sub(" ", "".join(self._line)).strip()
        if line:
            self._done.append("> " * min(self._depth, 9) + line)
        self._line = []

    def quote(self, step: int) -> None:
        self.end()
        self._depth = max(0, self._depth + step)

    def text(self) -> str:
        self.end()
        return "\n".join(self._done)


def _tokens(text: str) -> Iterator[tuple[str | None, str]]:
    """Cut into (None, text) and (tag, whole tag); a search that finds nothing ends the work, so it stays linear."""
    at = 0
    while (start := text.find("<", at)) >= 0:
        if start > at:
            yield None, text[at:start]
        if text.startswith("<!--", start):
            end = text.find("-->", start + 4)
            if end < 0:
                return
            at = end + 3
            continue
        named = _NAME.match(text, start + 1)
        if named is None and text[start + 1 : start + 2] not in ("!", "?"):
            yield None, "<"
            at = start + 1
            continue
        end = text.find(">", start)
        if end < 0:
            yield None, text[start:]
            return
        if named is not None:
            yield named.group().lower(), text[start : end + 1]
        at = end + 1
    yield None, text[at:]
