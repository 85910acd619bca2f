"""Our own SQL, which is DuckDB's, in Spark's words.

Most of it SQLGlot puts into Spark's words. What is said here is where the same words mean another thing: a list that
comes as a value becomes a small table to join with, and of those who are ``NULL`` Spark must be told what DuckDB assumes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import ErrorLevel, exp
from sqlglot.errors import SqlglotError

from allears.errors import Refused

LISTS = frozenset({"identifiers", "topics"})
"""Columns that are lists: their length is not that of a text."""
CALLED = {"epoch_us": "unix_micros"}
"""Functions of DuckDB by what Spark calls them, where SQLGlot does not know."""
ONLY_DUCKDB = frozenset({"hash"})


@dataclass(frozen=True)
class Asked:
    """A question in Spark's words.

    Attributes
    ----------
    text
        The question; single values are named ``:name`` in it.
    given
        Small tables it joins with: name, and for each column the value whose list it is.
    """

    text: str
    given: Mapping[str, Mapping[str, str]]


def in_sparks_words(sql: str, views: Mapping[str, str], lists: Collection[str] = ()) -> Asked:
    """Put a question into Spark's words.

    Parameters
    ----------
    sql
        The question, as DuckDB would be asked it, values named ``$name``.
    views
        What each table of the lake is called in Spark.
    lists
        Names of the values that are lists.

    Raises
    ------
    Refused
        Something in it has no counterpart in Spark; the message names it.

    Examples
    --------
    >>> asked = in_sparks_words("SELECT arg_max(a, b) AS a FROM signals WHERE c IN (SELECT unnest($ids))", {"signals": "seen"}, ["ids"])
    >>> asked.text
    'SELECT MAX_BY(a, CASE WHEN NOT a IS NULL THEN b END) AS a FROM seen AS signals WHERE c IN (SELECT value FROM given_ids)'
    >>> asked.given
    {'given_ids': {'value': 'ids'}}
    """
    given: dict[str, dict[str, str]] = {}
    try:
        tree = sqlglot.parse_one(sql, read="duckdb").transform(_reworded)
        tree = tree.transform(_as_joins, frozenset(lists), given)
        own = {cte.alias for cte in tree.find_all(exp.CTE)}
        for table in list(tree.find_all(exp.Table)):
            if table.name in views and table.name not in own:
                alias = table.alias or table.name
                table.replace(exp.alias_(exp.to_table(views[table.name]), alias, table=True))
        return Asked(tree.sql(dialect="spark", unsupported_level=ErrorLevel.RAISE), given)
    except SqlglotError as error:
        raise Refused(f"Spark has no counterpart: {str(error).splitlines()[0]}", place="sql") from None


def _reworded(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Anonymous) and node.name.lower() in ONLY_DUCKDB:
        raise Refused(f"expected nothing that DuckDB alone knows, got {node.name.lower()}()", place="sql")
    if isinstance(node, exp.Anonymous) and node.name.lower() in CALLED:
        return exp.func(CALLED[node.name.lower()], *node.expressions)
    if isinstance(node, exp.ArgMax):
        # DuckDB passes over rows whose value is null, Spark gives the null.
        when = exp.Case().when(node.this.is_(exp.null()).not_(), node.expression)
        return exp.ArgMax(this=node.this, expression=when)
    if isinstance(node, exp.ArrayOverlaps):
        return exp.func("arrays_overlap", node.this, node.expression)
    if isinstance(node, exp.Length) and node.this.name in LISTS:
        return exp.Anonymous(this="ARRAY_SIZE", expressions=[node.this])
    return node


def _as_joins(
    node: exp.Expression, lists: frozenset[str], given: dict[str, dict[str, str]]
) -> exp.Expression:
    """Read lists that come as values from small tables: written out, thousands of ids would be a program of their own."""
    if isinstance(node, exp.Select) and not node.args.get("from_"):
        columns = {}
        for column in node.expressions:
            value = column.unalias()
            if not (isinstance(value, exp.Explode) and value.this.name in lists):
                return node
            columns[column.alias or "value"] = value.this.name
        name = "given_" + "_".join(columns.values())
        given[name] = columns
        return exp.select(*columns).from_(name)
    if (
        isinstance(node, exp.ArrayContains)
        and isinstance(node.this, exp.Placeholder)
        and node.this.name in lists
    ):
        name = f"given_{node.this.name}"
        given[name] = {"value": node.this.name}
        return exp.In(this=node.expression, query=exp.select("value").from_(name).subquery())
    return node
