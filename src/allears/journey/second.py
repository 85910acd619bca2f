"""A second process that takes over part of a large batch, so that one core is not all a digest can use.

It is given pure functions and what they need, over a pipe: no file, no network, no part of the space. Should it die, the
same function runs here instead; nothing depends on it but the time.
"""

from __future__ import annotations

import pickle
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import IO, Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_LENGTH = struct.Struct("<Q")


class Second:
    """The second process; it starts with the first work it is given.

    Parameters
    ----------
    wanted
        False: everything runs here, in its turn.
    """

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._process: subprocess.Popen[bytes] | None = None
        self._owes = False

    def begin(self, function: Callable[P, T], *args: P.args, **named: P.kwargs) -> Callable[[], T]:
        """Begin ``function(*args, **named)`` there; the returned call waits for its answer. One piece of work at a time.

        The function must be found by its name, and all that goes in and out must be picklable.
        """
        here = partial(function, *args, **named)
        if not self._wanted:
            return here
        if self._owes:
            # Whoever asked last did not wait for the answer: it must not be taken for this one's.
            self.close()
        try:
            _send(self._pipes()[0], here)
        except OSError:
            self.close()
            return here
        self._owes = True
        return partial(self._answer, here)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._owes = False

    def _answer(self, here: Callable[[], T]) -> T:
        try:
            answer = _receive(self._pipes()[1])
        except (OSError, EOFError):
            # Killed, or out of memory: what it was doing is done here.
            self.close()
            return here()
        self._owes = False
        if isinstance(answer, _Raised):
            raise answer.error
        return answer  # type: ignore[no-any-return]

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", f"from {__name__} import serve; serve()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        return self._process.stdin, self._process.stdout


class _Raised:
    def __init__(self, error: Exception) -> None:
        self.error = error


def _send(pipe: IO[bytes], thing: Any) -> None:
    body = pickle.dumps(thing, protocol=5)
    pipe.write(_LENGTH.pack(len(body)))
    pipe.write(body)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    body = pipe.read(length)
    if len(body) < length:
        raise EOFError
    # Only ever what the other end of our own pipe wrote.
    return pickle.loads(body)


def serve() -> None:
    """Answer, until the pipe is closed."""
    # Ctrl-C is for the first process, which then ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what a library prints must not get among the answers
    while True:
        try:
            work = _receive(given)
        except EOFError:
            return
        try:
            answer = work()
        except Exception as error:
            answer = _Raised(error)
        _send(answers, answer)
