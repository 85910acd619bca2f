"""Texts made ready for reading: addresses and mentions out, broken characters mended, all texts in one string.

One pass of one pattern over the whole batch is many times cheaper than a pass per text, so the texts are
joined with a separator that cannot occur in them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

SEPARATOR = "\x1e"
"""Ends a text. Python counts it as white space, so no pattern of non-spaces crosses it."""

LONGEST = 4000
"""Characters of a text that are read; the rest of a very long letter says the same again."""

_SMILES = (
    ":)",
    ":-)",
    "=)",
    "(:",
    ";)",
    ";-)",
    ":d",
    ":-d",
    "=d",
    "xd",
    ":p",
    ":-p",
    "<3",
    "^^",
    "^_^",
    ":]",
)
_FROWNS = (":(", ":-(", "=(", "):", ":'(", ":/", ":-/", ":|", ":[", "-_-", ">:(", "d:", "</3", ":((")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&nbsp;": " "}
_MOJIBAKE = re.compile(r"Ã[\x80-\xbf©¨¼¤¶±³¡ª]|â€|Â[\xa0-\xbf]|ð\x9f|\ufeff")


def join_texts(texts: Sequence[str | None]) -> str:
    """Clean many texts at once and join them, each ended by `SEPARATOR`.

    Examples
    --------
    >>> join_texts(["Hi @bank, see https://x.y :(", None, "mail <EMAIL_1> &amp; call"]).split(SEPARATOR)[:3]
    ['Hi  , see   🙁', '', 'mail   & call']
    """
    whole = SEPARATOR.join([_one_line(text) for text in texts]) + SEPARATOR
    if _MOJIBAKE.search(whole):
        whole = SEPARATOR.join(_mend(text) for text in whole.split(SEPARATOR))
    if not whole.isascii():
        # The capital dotted I is the one letter that grows when lowered; lengths must hold.
        whole = unicodedata.normalize("NFC", whole).replace("İ", "I").replace("’", "'")
    pattern, signs = _pattern()
    return pattern.sub(lambda found: signs.get(found.group().lower(), " "), whole)


def clean_text(text: str) -> str:
    """Clean one text as `join_texts` does.

    Examples
    --------
    >>> clean_text("so good <3")
    'so good 🙂'
    """
    return join_texts([text])[:-1]


def _one_line(text: str | None) -> str:
    if not text:
        return ""
    text = text[:LONGEST]
    return text.replace(SEPARATOR, " ") if SEPARATOR in text else text


def _mend(text: str) -> str:
    if not _MOJIBAKE.search(text):
        return text
    import ftfy  # loaded for the few texts that need it: to load it takes longer than all else here

    return str(ftfy.fix_text(text, normalization=None))


@lru_cache(1)
def _pattern() -> tuple[re.Pattern[str], dict[str, str]]:
    signs = {**dict.fromkeys(_SMILES, "🙂"), **dict.fromkeys(_FROWNS, "🙁"), **_ENTITIES}
    faces = _alternatives(sign for sign in signs if sign not in _ENTITIES)
    entities = _alternatives(_ENTITIES)
    # A face stands alone: "http://" or "10:00" hold none.
    pattern = (
        rf"(?<!\w)[@＠][\w.]+|https?://\S+|www\.\S+|pic\.twitter\.com/\S+|<[A-Z][A-Z_]*(?:_\d+)?>"
        rf"|{entities}|(?<![\w:;=])(?:{faces})(?!\w)"
    )
    return re.compile(pattern, re.IGNORECASE), signs


def _alternatives(texts: Iterable[str]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
