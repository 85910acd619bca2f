"""What answers a user's SQL: a process of its own, with no file but the lake's, no network, and an end to time and memory.

DuckDB stops between steps and bounds what it buffers; one call of a function may still take minutes, or all the memory
there is. So the question runs here, and this process ends with it. It is started as a script and imports nothing of
Allears, which would take longer to load than most questions take to answer.

In comes a line of JSON (options, statements that prepare, the question, bounds, names of tables) and one Arrow stream
for each table; out goes a line of JSON and, if it was answered, one Arrow stream.

The question may name the tables it was given and nothing else: a file of the lake read by its path would show what the
views leave out.
"""

from __future__ import annotations

import json
import re
import resource
import signal
import sys
import threading
from typing import Any

import duckdb
import pyarrow as pa

# Beyond what DuckDB may buffer: code, threads and what goes in and out.
ROOM = 2 << 30
# Functions in FROM that read nothing.
HARMLESS = {"range", "generate_series", "unnest", "json_each", "json_tree"}
HIDDEN = {"people_of_permit", "sight_of_reader"}
CATALOG = {("information_schema", "tables"), ("information_schema", "columns")}


def serve() -> None:
    """Answer the one question on the standard input."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    asked = json.loads(source.readline())
    connection = duckdb.connect(config=asked["options"])
    # Before what prepares: views may be laid over them.
    for name in asked["tables"]:
        connection.register(name, pa.ipc.open_stream(source).read_all())
    for statement in asked["prepare"]:
        connection.execute(statement)
    for statement in asked["lock"]:
        connection.execute(statement)
    resource.setrlimit(resource.RLIMIT_DATA, (asked["memory"] + ROOM,) * 2)
    seconds = asked["seconds"]
    timer = threading.Timer(seconds, connection.interrupt)
    timer.daemon = True
    timer.start()
    # For a step that does not listen; the default of this signal is to end.
    signal.setitimer(signal.ITIMER_REAL, seconds + 1.0)
    told, answer = _answered(connection, asked["text"], asked["rows"], asked["names"])
    signal.setitimer(signal.ITIMER_REAL, 0)
    sink.write(json.dumps(told).encode() + b"\n")
    if answer is not None:
        with pa.ipc.new_stream(sink, answer.schema) as out:
            out.write_table(answer)
    sink.flush()


def _answered(
    connection: Any, text: str, rows: int, names: list[str]
) -> tuple[dict[str, str], pa.Table | None]:
    try:
        statements = connection.extract_statements(text)
        if (
            len(statements) != 1 or statements[0].type.name != "SELECT"
        ):  # a plan tells of rows that the reader does not see
            return {"refused": "one SELECT at a time"}, None
        stranger = _stranger(connection, statements[0].query, set(names))
        if stranger:
            return {"refused": stranger}, None
        return {}, connection.sql(statements[0].query).limit(rows).to_arrow_table()
    except duckdb.InterruptException:
        return {"stopped": "yes"}, None
    except MemoryError:
        return {"refused": "it takes more memory than a question may"}, None
    except duckdb.Error as error:
        return {"refused": str(error).splitlines()[0]}, None


def _stranger(connection: Any, text: str, names: set[str]) -> str | None:
    """Name what a question reads that is none of the tables it was given; by the engine's own reading of it, not by its letters."""
    told = connection.execute(
        "SELECT json_serialize_sql(?::VARCHAR, skip_null := true, skip_empty := true)",
        [text],
    ).fetchall()
    tree = json.loads(told[0][0])
    if tree.get("error"):
        # What is no question is told by the engine in its own words; what it cannot lay out for us is not asked.
        connection.extract_statements(text)
        return str(tree.get("error_message", "this cannot be asked"))
    nodes = list(_nodes(tree))
    # A name given within the question; one that could be a path is none.
    given = {
        pair["key"].lower()
        for node in nodes
        for pair in (node.get("cte_map") or {}).get("map", ())
        if re.fullmatch(r"\w+", pair["key"])
    }
    for node in nodes:
        kind = node.get("type")
        if kind == "TABLE_FUNCTION":
            called = str((node.get("function") or {}).get("function_name", "")).lower()
            if called not in HARMLESS:
                return f"the function {called} reads what is no table of this space"
        elif kind == "BASE_TABLE":
            name, schema = str(node.get("table_name", "")).lower(), str(node.get("schema_name", "")).lower()
            known = name in names or (name in given and name not in HIDDEN)
            if (schema, name) not in CATALOG and not (known and schema in ("", "main")):
                return f"no table of that name; there are {', '.join(sorted(names))}"
    return None


def _nodes(tree: Any) -> Any:
    # Without recursion: a question may be nested as deep as the engine reads.
    left = [tree]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


if __name__ == "__main__":
    serve()
