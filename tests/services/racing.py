"""Several threads let go at the same moment, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connection


def racing(what: Callable[[], Any], threads: int = 4) -> list[Any]:
    """What each of several threads, let go at once, returned (or raised)."""
    answers: list[Any] = []
    gate = threading.Barrier(threads)

    def run() -> None:
        try:
            gate.wait()
            answers.append(what())
        except Exception as error:  # an error in any thread is an answer that no test expects
            answers.append(error)
        finally:
            connection.close()

    started = [threading.Thread(target=run) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return answers
