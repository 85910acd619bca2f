"""CSV and its relatives: rows whose columns shift are named, and cost the others nothing."""

from __future__ import annotations

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from allears.listen.opening import Line
from allears.listen.ratings import as_number
from allears.listen.times import read_time

DELIMITERS = (",", "\t", ";", "|")
_LONGEST_RECORD = 1_000


class Record(NamedTuple):
    """One logical row: its cells, or the reason why there are none."""

    number: int
    cells: list[str]
    wrong: str | None
    note: str | None
    raw: bytes


class _Feed:
    """Hands lines to the csv module, remembers them, and takes them back when a quotation never closed."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._back: deque[Line] = deque()
        self.given: list[Line] = []
        self.longest = _LONGEST_RECORD

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._back.popleft() if self._back else next(self._lines)
        self.given.append(line)
        if len(self.given) > self.longest:
            # Each runaway quotation makes the next one cheaper, so that a file full of them stays linear.
            self.longest = max(16, self.longest // 2)
            raise csv.Error("a quotation that never ends")
        if line.text is None:
            raise csv.Error(line.note or "unreadable")
        return line.text

    def take_back(self) -> None:
        self._back.extendleft(reversed(self.given[1:]))
        del self.given[1:]


def read_records(
    lines: Iterator[Line], delimiter: str, width: int | None, quoted: bool = True
) -> Iterator[Record]:
    """Cut lines into rows of ``width`` cells; blank lines are passed over."""
    feed = _Feed(lines)
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    # Strict: a quotation that closes in the middle of a cell has run over into another row.
    reader = csv.reader(feed, delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        feed.given.clear()
        cells: list[str] = []
        wrong = None
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            wrong = _reason(error)
            text = feed.given[0].text
            if len(feed.given) == 1 and text is not None and "expected after" in wrong:
                try:
                    cells, wrong = next(csv.reader([text], delimiter=delimiter)), None
                except csv.Error as again:
                    wrong = _reason(again)
        if not cells and wrong is None:
            continue
        if not quoted:
            cells = [_unwrapped(cell) for cell in cells]
        if width is not None and wrong is None:
            cells, wrong = _fit(cells, width)
        if wrong is not None and len(feed.given) > 1:
            feed.take_back()
        note = next((line.note for line in feed.given if line.note), None)
        raw = b"".join(line.raw for line in feed.given) if wrong else b""
        yield Record(feed.given[0].number, cells, wrong, note if wrong is None else None, raw)


def _unwrapped(cell: str) -> str:
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell


def _fit(cells: list[str], width: int) -> tuple[list[str], str | None]:
    found = len(cells)
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    if len(cells) == width:
        return cells, None
    return cells, f"expected {width} columns, found {found}"


def _reason(error: csv.Error) -> str:
    reason = str(error)
    if reason == "unexpected end of data":
        return "a quotation that never ends"
    if reason.startswith("new-line character"):
        return "a bare carriage return in the middle of a row"
    return "a field longer than 131,072 characters" if reason.startswith("field larger") else reason


def detect_delimiter(lines: list[str], prefer: str | None = None) -> str | None:
    """Find the delimiter that cuts most lines into the same number of cells; None when none does.

    Examples
    --------
    >>> detect_delimiter(["a;b;c", "1;2,5;3", "4;5,5;6"])
    ';'
    """
    ranked = []
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
        except csv.Error:
            continue
        if not widths:
            continue
        width, times = widths.most_common(1)[0]
        if width > 1:
            agree = times / widths.total()
            ranked.append((delimiter == prefer, agree > 0.6, width * agree, delimiter))
    if not ranked:
        return None
    best = max(ranked)
    return best[3] if best[1] or best[0] else None


def never_quoted(lines: list[str]) -> bool:
    r"""Tell tab-separated text in which a quotation mark is only a quotation mark.

    Examples
    --------
    >>> never_quoted(["1\t'so so', they said", '2\t"so so", they said'])
    True
    >>> never_quoted(['1\t"so so, they said"', "2\tfine"])
    False
    """
    cells = [cell for line in lines for cell in line.rstrip("\r\n").split("\t")]
    opened = [cell for cell in cells if cell.startswith('"')]
    closed = [
        cell
        for cell in opened
        if len(cell) > 1 and cell.endswith('"') and '"' not in cell[1:-1].replace('""', "")
    ]
    even = len({line.count("\t") for line in lines if line.strip()}) == 1
    return not opened or (even and len(closed) < len(opened))


def name_columns(first: list[str]) -> tuple[list[str], bool]:
    """Take the first row for names, or make names when it holds data; says which.

    Examples
    --------
    >>> name_columns(["text", "label"]), name_columns(["17", "2026-01-02"])
    ((['text', 'label'], True), (['column_1', 'column_2'], False))
    """
    cells = [cell.strip() for cell in first]
    named = [cell for cell in cells if cell]
    shaped = any(
        as_number(c) is not None or read_time(c) is not None or "@" in c or len(c) > 80 for c in named
    )
    if not named or shaped or any(len(c.split()) > 8 for c in named):
        return [f"column_{i}" for i in range(1, len(cells) + 1)], False
    return unique(cells), True


def unique(names: Iterable[str]) -> list[str]:
    """Tell columns of one name apart by a number."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return found


def as_row(columns: list[str], record: Record) -> dict[str, Any]:
    """Name the cells of a row."""
    row: dict[str, Any] = dict(zip(columns, record.cells, strict=True))
    if record.note is not None:
        row[record.note] = True
    return row
