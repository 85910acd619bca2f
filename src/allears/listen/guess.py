"""Working out what the columns of an unknown file hold, from their names and their values."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from allears.listen import words
from allears.listen.facets import truth
from allears.listen.flat import flatten
from allears.listen.guesspeople import find_people
from allears.listen.ratings import STAR_WORDS, WORDS, as_number
from allears.listen.reading import BadRow
from allears.listen.sampled import Sampled
from allears.listen.shape import Mapping, TimeFormat
from allears.listen.times import OLDEST, read_time
from allears.tables.signals import CHANNELS

SAMPLE_ROWS = 500
_LATEST = 4_102_444_800_000_000  # 2100-01-01
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$")
_URL = re.compile(r"https?://\S+$|at://\S+$")
_NETWORK = re.compile(r"[A-Za-z][\w.-]{1,40}$")
_MARKUP = re.compile(r"</?(p|br|div|span|a|b|i|li|ul)\b[^>]*>|&(amp|lt|gt|quot|nbsp|#\d+);", re.I)
_LATER = re.compile(r"\.[1-9]\d*(\.|$)")
_ANSWER = re.compile(r"((?:^|\.)(?:answers|responses))\.\d+\.")  # a form's answers all belong to the text


def infer(rows: list[dict[str, Any]]) -> Mapping:
    """Work out a mapping from sample rows.

    The text is the column that reads most like free writing, helped by its name; each other column is found by a
    name that vendors use and kept only when its values agree (times parse, ratings fit a scale, ids differ).

    Parameters
    ----------
    rows
        A few hundred rows; nested ones are laid flat first.

    Returns
    -------
    Mapping
        Paths found; what was not recognised stays unmapped and ends up in ``properties``.

    Examples
    --------
    >>> found = infer([{"Id": "1", "Date": "2026-01-02T10:00:00Z", "Review": "the lid broke at once", "Stars": 2}])
    >>> found.text, found.occurred_at, found.rating, found.rating_scale
    ('Review', 'Date', 'Stars', 'stars-1-5')
    """
    columns = _columns(rows[:SAMPLE_ROWS])
    text = _best(columns, _text_score)
    free = [c for c in columns if c is not text]
    when = _best(free, _time_score)
    rating = _best(free, lambda c: _rating_score(c, columns))
    reply = _best(free, lambda c: _named(c, words.REPLY))
    identity = _best([c for c in free if c not in (when, rating, reply)], lambda c: _id_score(c, text))
    thread = _best([c for c in free if c is not identity], lambda c: _thread_score(c, identity))
    direction = _best(free, _direction_score)
    taken = [c for c in (text, when, rating, reply, identity, thread, direction) if c is not None]
    free = [c for c in columns if c not in taken]
    reach = tuple(c.path for c in free if _is_reach(c))
    anchor = text or when or rating
    identifiers, personal = find_people([c for c in free if c.path not in reach], anchor, reply is not None)
    free = [c for c in free if c.path not in identifiers and c.path not in personal and c.path not in reach]
    facets = {field: path for field in words.FACETS if (path := _facet(free, field)) is not None}
    free = [c for c in free if c.path not in facets.values()]
    name = _best(free, lambda c: _name_score(c, text, rating))
    order, naive = _time_form(when)
    return Mapping(
        id=_path(identity),
        text=_ANSWER.sub(r"\1.*.", text.path) if text else None,
        occurred_at=_path(when),
        time_format=order,
        zone="UTC" if naive else None,
        name=_path(name),
        rating=_path(rating),
        rating_scale=None if rating is None else _scale(rating),
        reach=reach,
        thread=_path(thread),
        reply_to=_path(reply),
        direction=_path(direction),
        outbound=() if direction is None else _outbound(direction),
        identifiers=identifiers,
        personal=personal,
        channel=_channel(columns, text, rating),
        channel_from=_channel_column(columns),
        network_from=_network_column(columns) if "handle" in identifiers.values() else None,
        html=text is not None and any(_MARKUP.search(value) for value in text.texts),
        **facets,  # type: ignore[arg-type]  # all of them are paths
    )


def _columns(rows: list[dict[str, Any]]) -> list[Sampled]:
    held: dict[str, list[Any]] = {}
    counted = 0
    for row in rows:
        try:
            flat = flatten(row)
        except BadRow:
            continue
        counted += 1
        for path, value in flat.items():
            if value is not None and value != "" and value != []:
                held.setdefault(path, []).append(value)
    # Of a list inside a row only the first member is mapped; the others stay in the properties.
    first = [path for path in held if not _LATER.search(_ANSWER.sub(r"\1.0.", path))]
    return [Sampled(path, *words.read_path(path), held[path], counted) for path in first]


def _best(columns: list[Sampled], score: Callable[[Sampled], float]) -> Sampled | None:
    ranked = [(score(column), -len(column.above), -place) for place, column in enumerate(columns)]
    if not ranked:
        return None
    best = max(ranked)
    return columns[-best[2]] if best[0] > 0 else None


def _path(column: Sampled | None) -> str | None:
    return None if column is None else column.path


def _named(column: Sampled, names: dict[str, float]) -> float:
    return float(names.get(column.leaf, 0.0))


def _text_score(column: Sampled) -> float:
    texts = [value for value in column.texts if value.strip()]
    if len(texts) < 0.5 * len(column.values) or not texts:
        return 0.0
    sample = texts[:200]
    worded = sum(len(value.split()) for value in sample) / len(sample)
    parts = column.leaf.split("_")
    if len(parts) > 1 and parts[-1] in words.NOT_WORDS:
        return 0.0
    if column.within(words.NOT_TEXT) or column.leaf in words.NOT_TEXT:
        return 0.0
    by_name = max(words.TEXT.get(part, 0.0) for part in (column.leaf, *parts))
    if column.leaf in ("body", "text") and column.above:
        by_name += 0.5
    shaped = sum(bool(_URL.match(v) or _EMAIL.match(v)) or read_time(v) is not None for v in sample) / len(
        sample
    )
    if shaped > 0.5 or any(
        name in words.NOT_SAID for name in (*column.above, *column.leaf.split("_"), column.leaf)
    ):
        return 0.0
    if column.within(words.NOT_ABOUT_IT) and by_name < 9:
        return 0.0
    repeats = len(sample) >= 20 and column.distinct < 0.3
    if by_name < 5 and (repeats or worded < 4):
        return 0.0
    if column.within({"satisfaction_rating", "conversation_rating"}):
        by_name *= 0.3  # the thanks afterwards, not the matter itself
    score = by_name + min(worded, 24) * 0.35 + min(column.filled, 1.0) * 2
    return score * (0.3 if repeats else 1.0)


def _time_score(column: Sampled) -> float:
    named = _named(column, words.TIME)
    if named == 0 and column.leaf.endswith(("_at", "_time", "_date", "_on")):
        named = 4.0
    if named == 0 and any(part in ("date", "time", "timestamp") for part in column.leaf.split("_")):
        named = 3.0
    if named == 0 or column.share(_plausible_time) < 0.8:
        return 0.0
    if any(part in words.NOT_ABOUT_IT for part in (*column.above, *column.leaf.split("_"))):
        named *= 0.3
    if column.leaf.startswith(("date_sent_to", "sent_to")):
        named *= 0.3
    return named + column.filled


def _plausible_time(value: Any) -> bool:
    found = read_time(value)
    return found is not None and OLDEST < found[0] < _LATEST


def _time_form(column: Sampled | None) -> tuple[TimeFormat, bool]:
    """Tell month-first from day-first by a number that is no month, and whether zones are missing."""
    if column is None:
        return "auto", False
    naive = any((moment := read_time(value)) is not None and moment[1] for value in column.values)
    slashed = [re.match(r"(\d{1,2})/(\d{1,2})/\d", value) for value in column.texts]
    found = [(int(m[1]), int(m[2])) for m in slashed if m]
    if not found:
        return "auto", naive
    return ("dmy" if any(a > 12 for a, _ in found) else "mdy"), naive


def _rating_score(column: Sampled, columns: list[Sampled]) -> float:
    named = _named(column, words.RATING)
    if named == 0 or column.within(words.NOT_SAID) or _scale(column) is None:
        return 0.0
    context = {part for name in (*column.above, column.leaf) for part in name.split("_")}
    numeric = column.share(lambda value: as_number(value) is not None) > 0.5
    rated = context & {
        "rating",
        "ratings",
        "satisfaction",
        "survey",
        "nps",
        "review",
        "reviews",
        "csat",
        "ces",
        "feedback",
    }
    # A bare "score" is as often votes or a model's certainty as a rating.
    if column.leaf == "score" and numeric and not rated:
        return 0.0
    if any(other.leaf in ("ups", "downs", "upvotes") for other in columns):
        return 0.0
    return named + column.filled


def _scale(column: Sampled) -> str | None:
    numbers = [n for value in column.values if (n := as_number(value)) is not None]
    if len(numbers) < 0.8 * len(column.values):
        spoken = [str(value).strip().lower() for value in column.values]
        if sum(word in WORDS or word in ("offered", "unoffered") for word in spoken) < 0.8 * len(spoken):
            return None
        if not any(word in WORDS for word in spoken):
            return None
        return "stars-1-5" if any(word in STAR_WORDS for word in spoken) else "csat-1-5"
    low, high = min(numbers), max(numbers)

    def within(least: float, most: float) -> bool:
        return least <= low and high <= most

    names = {part for name in (*column.above, column.leaf) for part in name.split("_")}
    if names & {"nps", "recommend", "promoter"}:
        return "nps-0-10" if within(0, 10) else None
    if names & {"ces", "effort"}:
        return "ces-1-7" if within(1, 7) else None
    if names & {"csat", "satisfaction"} and within(1, 5):
        return "csat-1-5"
    if within(1, 5):
        return "stars-1-5"
    # Stars of 0 mean "not rated" to nobody; whole numbers up to ten are a recommendation scale.
    if within(0, 10) and high > 5 and all(n == int(n) for n in numbers):
        return "nps-0-10"
    return None


def _id_score(column: Sampled, text: Sampled | None) -> float:
    named = float(words.ID.get(column.leaf, -1.0))
    if named < 0 or column.filled < 0.9 or column.distinct < 0.98:
        return 0.0
    if any(isinstance(value, dict | list | bool) for value in column.values):
        return 0.0
    if column.within(words.NOT_ABOUT_IT) or column.within(words.AUTHORS - {"item", "payload", "contacts"}):
        return 0.0
    # An account's id around its messages, and the post a like is about, are the same for many rows.
    if (
        column.above == ("entry",)
        or column.within(words.NOT_ITS_ID)
        or (text is None and column.leaf == "post_id")
    ):
        return 0.0
    folder = column.path.rpartition(".")[0]
    if text is not None and text.path.rpartition(".")[0] == folder:
        named += 2.0
    elif text is not None and folder and text.path.startswith(folder + "."):
        named += 1.5
    elif not folder:
        named += 1.0
    return named + 0.1


def _thread_score(column: Sampled, identity: Sampled | None) -> float:
    if column.leaf == "id" and column.above and column.above[-1] in ("conversation", "thread", "ticket"):
        return 8.0
    named = _named(column, words.THREAD)
    if column.leaf == "display_id" and "conversation" not in column.above:
        return 0.0
    if any(isinstance(value, dict | list | bool) for value in column.values):
        return 0.0
    return named


def _direction_score(column: Sampled) -> float:
    named = _named(column, words.DIRECTION)
    if column.leaf == "type" and column.above and column.above[-1] in ("author", "sender", "from"):
        named = 7.0
    if named == 0:
        return 0.0
    spoken = {words.snake(str(value)) for value in column.values}
    if column.leaf in ("inbound", "is_inbound", "incoming"):
        return named if all(truth(value) is not None for value in spoken) else 0.0
    return named if spoken & words.OUT_WORDS or (spoken & words.IN_WORDS and len(spoken) <= 4) else 0.0


def _outbound(column: Sampled) -> tuple[str, ...]:
    if column.leaf in ("inbound", "is_inbound", "incoming"):
        return ("false", "0", "no")
    return tuple(sorted(words.OUT_WORDS))


def _is_reach(column: Sampled) -> bool:
    if column.leaf not in words.REACH or column.within(
        words.NOT_ABOUT_IT - {"user", "author", "account", "profile"}
    ):
        return False
    return column.share(lambda value: (n := as_number(value)) is not None and n >= 0) > 0.9


def _facet(columns: list[Sampled], field: str) -> str | None:
    for name in words.FACETS[field]:
        for column in columns:
            plain = not any(isinstance(value, dict | list) for value in column.values)
            if (
                column.leaf == name
                and plain
                and not column.within(words.NOT_SAID)
                and _facet_fits(column, field)
            ):
                return column.path
    return None


def _facet_fits(column: Sampled, field: str) -> bool:
    if field in ("partner", "service", "account"):
        return column.share(lambda value: truth(value) is None) > 0.5 and not column.numbers_only()
    if field == "ok":
        return column.share(lambda value: truth(value) is not None) > 0.9
    if field == "duration_ms":
        return column.share(lambda value: as_number(value) is not None) > 0.9
    if field == "release":
        return column.share(lambda value: bool(re.search(r"\d", str(value)))) > 0.8 and not column.within(
            {"integrations", "library"}
        )
    if field == "region" and column.leaf == "state":
        # "state" is also what a ticket is in.
        return column.share(lambda value: str(value).isupper() and len(str(value)) == 2) > 0.8
    return True


def _channel_column(columns: list[Sampled]) -> str | None:
    """Find the column whose values are channels; None when there is none."""
    for column in columns:
        if (
            column.leaf == "channel"
            and column.share(lambda value: str(value).strip().lower() in CHANNELS) > 0.8
        ):
            return column.path
    return None


def _network_column(columns: list[Sampled]) -> str | None:
    """Find the column that names the network of handles: few words, each no sentence; None when there is none."""
    for column in columns:
        if column.leaf == "network" and column.share(lambda value: bool(_NETWORK.match(str(value)))) > 0.9:
            return column.path
    return None


def _channel(columns: list[Sampled], text: Sampled | None, rating: Sampled | None) -> str | None:
    """Tell the channel from the names of all columns; None when they are silent."""
    asked_later = text is not None and rating is not None and rating.within({"satisfaction_rating"})
    if rating is not None and not asked_later:
        return "review" if _scale(rating) == "stars-1-5" else "survey"
    names = {
        part
        for column in columns
        for name in (*column.above, column.leaf)
        for part in (name, *name.split("_"))
    }
    if text is not None:
        for marks, channel in words.CHANNEL_MARKS:
            if names & marks:
                return channel
    return None


def _name_score(column: Sampled, text: Sampled | None, rating: Sampled | None) -> float:
    named = _named(column, words.NAME)
    if named == 0 or column.within(words.NOT_SAID) or not column.texts:
        return 0.0
    if len(column.above) > 1 or any(len(value) > 120 for value in column.texts):
        return 0.0
    return named if text is None and rating is None else (named if named >= 8 else 0.0)
