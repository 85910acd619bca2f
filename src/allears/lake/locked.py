"""What answers a user's SQL: a process of its own, with no file but the lake's, no network, and an end to time and memory.

DuckDB stops between steps and bounds what it buffers; one call of a function may still take minutes, or all the memory
there is. So the question runs here, and this process ends with it. It is started as a script and imports nothing of
Allears, which would take longer to load than most questions take to answer.

In comes a line of JSON (options, statements that prepare, the question, bounds, names of tables) and one Arrow stream
for each table; out goes a line of JSON and, if it was answered, one Arrow stream.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
import threading
from typing import Any

import duckdb
import pyarrow as pa

# Beyond what DuckDB may buffer: code, threads and what goes in and out.
ROOM = 2 << 30


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
    told, answer = _answered(connection, asked["text"], asked["rows"])
    signal.setitimer(signal.ITIMER_REAL, 0)
    sink.write(json.dumps(told).encode() + b"\n")
    if answer is not None:
        with pa.ipc.new_stream(sink, answer.schema) as out:
            out.write_table(answer)
    sink.flush()


def _answered(connection: Any, text: str, rows: int) -> tuple[dict[str, str], pa.Table | None]:
    try:
        statements = connection.extract_statements(text)
        if len(statements) != 1 or statements[0].type.name not in ("SELECT", "EXPLAIN"):
            return {"refused": "one SELECT at a time"}, None
        return {}, connection.sql(statements[0].query).limit(rows).to_arrow_table()
    except duckdb.InterruptException:
        return {"stopped": "yes"}, None
    except MemoryError:
        return {"refused": "it takes more memory than a question may"}, None
    except duckdb.Error as error:
        return {"refused": str(error).splitlines()[0]}, None


if __name__ == "__main__":
    serve()
