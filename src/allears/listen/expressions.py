"""JMESPath as vendors' adapters use it: expressions over a payload, with four functions of our own.

JMESPath can read and reshape what it is given, nothing else: it has no loop, no file, no network, no assignment.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature

from allears.errors import Refused

Path = tuple[str, ...]
_ANY: list[str] = []


class _Ours(Functions):  # type: ignore[misc]
    @signature({"types": ["string"]}, {"types": _ANY, "variadic": True})  # type: ignore[untyped-decorator]
    def _func_glue(self, separator: str, *parts: Any) -> str | None:
        # Half an id would stand for many messages.
        texts = [_word(part) for part in parts]
        return None if any(text is None for text in texts) else separator.join(filter(None, texts))

    @signature({"types": _ANY, "variadic": True})  # type: ignore[untyped-decorator]
    def _func_lines(self, *parts: Any) -> str | None:
        flat = [one for part in parts for one in (part if isinstance(part, list) else [part])]
        texts = [text for one in flat if (text := _word(one))]
        return "\n".join(texts) or None

    @signature({"types": _ANY}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_after(self, text: Any, start: str) -> str | None:
        return text.removeprefix(start) if isinstance(text, str) and text.startswith(start) else None

    @signature({"types": ["object"]}, {"types": _ANY}, {"types": _ANY})  # type: ignore[untyped-decorator]
    def _func_pick(self, choices: dict[str, Any], key: Any, default: Any) -> Any:
        return choices.get(key, default) if isinstance(key, str) else default


_OPTIONS = jmespath.Options(custom_functions=_Ours())


class Expression:
    r"""One compiled expression.

    Examples
    --------
    >>> said = {"chat": {"id": 7}, "message": {"id": 12, "text": "hello"}}
    >>> Expression("glue(':', chat.id, message.id)").of(said), Expression("glue(':', chat.id, message.no)").of(said)
    ('7:12', None)
    >>> Expression("lines(message.text, 'and', message.no)").of(said)
    'hello\nand'
    >>> Expression("after('whatsapp:+44', 'whatsapp:')").of({}), Expression("pick({a: 'x'}, 'b', 'y')").of({})
    ('+44', 'y')
    """

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str, place: str = "expression") -> None:
        self.text = text
        try:
            self._compiled = jmespath.compile(text)
        except JMESPathError as error:
            raise Refused(f"not JMESPath: {str(error).splitlines()[0]}", place=place) from None

    def of(self, document: Any) -> Any:
        """Evaluate; what an expression cannot be applied to is nothing."""
        try:
            return self._compiled.search(document, options=_OPTIONS)
        except (JMESPathError, RecursionError, ValueError, TypeError, AttributeError, OverflowError):
            return None

    def holds(self, document: Any) -> bool:
        """Tell whether the answer is anything but nothing, false or empty."""
        found = self.of(document)
        return not (found is None or found is False or found == "" or found == [] or found == {})

    def reads(self) -> tuple[set[Path], set[Path]]:
        """Tell by path what must be an object for this to be read, and what is taken whole, whatever it is.

        Examples
        --------
        >>> objects, whole = Expression("glue(':', chat.id, (user.name || user) && 'x')").reads()
        >>> sorted(objects), sorted(whole)
        ([('chat',), ('user',)], [('chat', 'id')])
        """
        objects: set[Path] = set()
        whole: set[Path] = set()
        _read(self._compiled.parsed, True, objects, whole)
        return objects, whole


def _read(node: dict[str, Any], told: bool, objects: set[Path], whole: set[Path]) -> None:
    kind, inner = node["type"], node["children"]
    if kind in ("field", "subexpression"):
        steps = [node] if kind == "field" else inner
        names = list(takewhile(bool, (one["type"] == "field" and one["value"] for one in steps)))
        objects.update(tuple(names[:n]) for n in range(1, len(names) + (len(names) < len(steps))))
        if len(names) == len(steps) and told:
            whole.add(tuple(names))
        if not names:
            _read(steps[0], False, objects, whole)
    elif kind in ("or_expression", "function_expression", "multi_select_list", "multi_select_dict", "key_val_pair"):  # fmt: skip
        for one in inner:
            _read(one, told, objects, whole)
    elif kind == "and_expression":
        # What stands before "and" is asked whether it is there.
        _read(inner[0], False, objects, whole)
        _read(inner[1], told, objects, whole)
    elif kind in ("comparator", "not_expression"):
        for one in inner:
            _read(one, False, objects, whole)
    elif inner and kind != "expref":
        # A list, or what is handed on: what comes after is read from its members.
        _read(inner[0], False, objects, whole)


def _word(value: Any) -> str | None:
    if isinstance(value, bool) or value is None or value == "":
        return None
    return str(value) if isinstance(value, str | int | float) else None
