"""A real Spark cluster on loopback: a standalone master and workers of one core, from PySpark's own package."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EXECUTOR_MB = 768
QUICK = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
OPTIONS = {
    "spark.executor.memory": f"{EXECUTOR_MB}m",
    "spark.driver.memory": "768m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.files.openCostInBytes": "0",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.default.parallelism": "2",
    # What is asked here once is not worth optimising.
    "spark.driver.extraJavaOptions": QUICK,
    "spark.executor.extraJavaOptions": QUICK,
}


class Missing(RuntimeError):
    """What a cluster needs is not installed."""


class Cluster:
    """One master, some workers; each a process of its own that can be killed."""

    def __init__(self, workers: int = 2, memory_mb: int = 1024) -> None:
        try:
            import pyspark
        except ImportError:
            raise Missing("PySpark is not installed (uv sync --extra spark)") from None
        if shutil.which("java") is None:
            raise Missing("Java is not installed (apt install openjdk-17-jre-headless)")
        self._memory_mb = memory_mb

        self.home = Path(pyspark.__file__).parent
        self.folder = Path(tempfile.mkdtemp(prefix="spark-"))
        self.port = _free()
        self.url = f"spark://127.0.0.1:{self.port}"
        self.master = self._start(
            "master.Master", "--host", "127.0.0.1", "--port", str(self.port), "--webui-port", "0"
        )
        self._wait_for("master", "I have been elected leader")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.add_workers(workers)

    def add_workers(self, more: int = 1) -> None:
        """Start more workers, and wait until the master knows them."""
        names = [f"worker{len(self.workers) + i}" for i in range(more)]
        for name in names:
            self._start_worker(name)
        for name in names:
            self._wait_for(name, "Successfully registered with master")

    def _start_worker(self, log: str) -> None:
        self.workers.append(
            self._start(
                "worker.Worker", "-c", "1", "-m", f"{self._memory_mb}m", "--host", "127.0.0.1", "--webui-port", "0", self.url, log=log
            )
        )  # fmt: skip

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill a worker and the executors it started, as a machine that loses its power."""
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait(30)

    def stop(self) -> None:
        """Stop everything; nothing of it is kept."""
        for process in (*self.workers, self.master):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, name: str, *words: str, log: str = "master") -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "SPARK_HOME": str(self.home),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": QUICK,
            "SPARK_WORKER_DIR": str(self.folder / "work"),
            "SPARK_LOCAL_DIRS": str(self.folder / "scratch"),
            "PYSPARK_PYTHON": sys.executable,
        }
        with (self.folder / f"{log}.log").open("wb") as told:
            # In a group of its own: what it starts ends with it.
            return subprocess.Popen(
                [str(self.home / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}", *words],
                stdout=told, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, start_new_session=True,
            )  # fmt: skip

    def _wait_for(self, log: str, words: str, seconds: float = 60) -> None:
        path = self.folder / f"{log}.log"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if words in path.read_text("utf-8", "replace"):
                return
            time.sleep(0.1)
        raise TimeoutError(f"{log} did not say {words!r}: {path.read_text('utf-8', 'replace')[-2000:]}")


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
