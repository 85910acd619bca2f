"""Redact labels: short words that name things, such as events, routes, services and releases, and repeat over and over."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from allears.guard.redaction.redact import redact

_ADDRESS = r"[^\s/@]@|%40"
_NUMBER = r"[^\s/@]@|%40|\+?\d[\d .()-]{6,}\d"


def redact_labels(column: pa.Array, *, region: str = "US", numbers: bool = True) -> pa.Array:
    """Replace addresses and numbers of people in a column of labels.

    Each different label is looked at once, and only those that hold an ``@`` or a run of digits are redacted: names of
    products and places, of which labels are made, stay.

    Parameters
    ----------
    column
        Strings; nulls stay.
    region
        ISO country assumed for phone numbers without a prefix.
    numbers
        Whether runs of digits may be somebody's number; in a release they are not.

    Examples
    --------
    >>> redact_labels(pa.array(["GET /users/ada@example.com", "Order Paid", None])).to_pylist()
    ['GET /users/<EMAIL_1>', 'Order Paid', None]
    >>> redact_labels(pa.array(["GET /users/ada%40example.com", "@acme/checkout"])).to_pylist()
    ['GET /users/<EMAIL_1>', '@acme/checkout']
    """
    telling = pc.match_substring_regex(column, _NUMBER if numbers else _ADDRESS)
    if not pc.any(telling).as_py():
        return column
    labels = pc.unique(column.filter(telling))
    plain = pc.replace_substring(labels, "%40", "@")
    clean = pa.array(redact(plain, region=region).texts, pa.string())
    return pc.replace_with_mask(
        column, pc.fill_null(telling, False), clean.take(pc.index_in(column.filter(telling), labels))
    )
