"""Some of very many customers: enough to measure by, so that memory does not grow with their number."""

from __future__ import annotations

DIGITS = 4


def below(n: int, enough: int) -> str | None:
    """Give the ending below which customers' names are read; ``None`` where all are.

    Names end in hexadecimal digits of a keyed digest, so those with low endings are a random part, and the same one on
    every engine, at every question.

    Parameters
    ----------
    n
        How many there are.
    enough
        About how many to take. Of more than 65,536 times as many, one in 65,536 is taken.

    Examples
    --------
    >>> below(100, 200), below(400, 200)
    (None, '8000')
    """
    if n <= enough:
        return None
    return format(max(1, 16**DIGITS * enough // n), f"0{DIGITS}x")
