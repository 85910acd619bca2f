"""What the web's libraries may write to the log: which request failed and how, and nothing that a visitor or a row said."""

from __future__ import annotations

import logging
import traceback


def keep_values_out(record: logging.LogRecord) -> bool:
    """Pass a record on without values: addresses that are not there are left out, of an error its kind and place stay.

    These libraries note each address that leads nowhere, and each error with its text; people type e-mail addresses into
    addresses, errors quote rows, and anybody who can reach the port could fill the log.

    Examples
    --------
    >>> said = logging.LogRecord("nicegui", 30, "", 0, "http://shop.example/customers/ada@example.com not found", None, None)
    >>> keep_values_out(said)
    False
    """
    error = record.msg if isinstance(record.msg, BaseException) else record.exc_info and record.exc_info[1]
    if error:
        frames = traceback.extract_tb(error.__traceback__)
        place = f" at {frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
        record.msg, record.args = f"a request failed: {type(error).__name__}{place}", None
        record.exc_info = record.exc_text = None
        return True
    return not str(record.msg).endswith(" not found")
