"""Linking on Spark: pairs are made, compared and weighed on a cluster's machines, by Splink's own backend.

What is compared is said once, in DuckDB's words, and put into Spark's here. Spark's functions count letters where DuckDB's count
bytes, and its Jaro-Winkler takes an odd number of letters out of order for a half more: a word in other letters than ASCII, or one
that lost one of two equal letters, may stand on another step.
"""

from __future__ import annotations

import copy
import warnings
from typing import Any

import pyarrow as pa

from allears.know.link.learn import quiet

DIGITS_OF_A_DAY = 8


def open_spark_linker(session: Any, table: pa.Table, how: dict[str, Any]) -> Any:
    """Give a Splink linker on a cluster over some records, as `allears.know.link.learn.open_linker` does on this machine.

    Parameters
    ----------
    session
        Of PySpark; its cluster is handed the records.
    table, how
        As for `open_linker`.
    """
    from splink import Linker
    from splink.backends.spark import SparkAPI, similarity_jar_location

    spoken = copy.deepcopy(how) | {"sql_dialect": "spark"}
    for comparison in spoken["comparisons"]:
        for level in comparison["comparison_levels"]:
            level["sql_condition"] = in_sparks_words(level["sql_condition"])

    class Handed(SparkAPI):
        def _table_registration(self, input: Any, table_name: str) -> None:
            # Each key reads the records twice: without being kept there, they would be sent there as often.
            with warnings.catch_warnings():
                # PySpark leaves the socket it hands them over by to the garbage.
                warnings.simplefilter("ignore", ResourceWarning)
                self.spark.createDataFrame(input).persist().createOrReplaceTempView(table_name)

    with quiet():
        # Else the records would be written into the plan of each step.
        session.conf.set("spark.sql.execution.arrow.localRelationThreshold", "0")
        session.sql(f"ADD JAR '{similarity_jar_location()}'")
        api: Any = Handed(spark_session=session, break_lineage_method="persist")  # type: ignore[no-untyped-call]
        return Linker(api.register(table), spoken)


def in_sparks_words(condition: str) -> str:
    """Say a condition in Spark's SQL.

    Examples
    --------
    >>> in_sparks_words("jaro_winkler_similarity(a, b) >= 0.9 and len(list_intersect(c, d)) > 1")
    'JARO_WINKLER(a, b) >= 0.9 AND SIZE(ARRAY_INTERSECT(c, d)) > 1'
    """
    import sqlglot

    if condition == "ELSE":
        return condition
    return str(sqlglot.parse_one(condition, read="duckdb").transform(_said).sql(dialect="spark"))


def _said(node: Any) -> Any:
    from sqlglot import exp

    def call(name: str, *given: Any) -> Any:
        return exp.Anonymous(this=name, expressions=list(given))

    if isinstance(node, exp.JarowinklerSimilarity):
        return call("JARO_WINKLER", node.this.transform(_said), node.expression.transform(_said))
    if isinstance(node, exp.Length) and isinstance(node.this, exp.Anonymous | exp.ArrayDistinct):
        return call("SIZE", node.this.transform(_said))
    if isinstance(node, exp.Anonymous) and node.name == "list_intersect":
        return call("ARRAY_INTERSECT", *node.expressions)
    if isinstance(node, exp.Anonymous) and node.name == "hamming":
        one, other = (side.sql(dialect="spark") for side in node.expressions)
        apart = (
            f"INT(SUBSTR({one}, {n}, 1) <> SUBSTR({other}, {n}, 1))" for n in range(1, DIGITS_OF_A_DAY + 1)
        )
        return exp.Paren(this=exp.maybe_parse(" + ".join(apart), dialect="spark"))
    return node
