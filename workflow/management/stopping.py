"""A long-running command ends in order: SIGTERM and SIGINT ask it to stop when what it is doing is done."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopping(then: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """An event that is set by the first SIGTERM or SIGINT; `then` is called in the signal's handler."""
    event = threading.Event()

    def stop(*_: object) -> None:
        event.set()
        then()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
