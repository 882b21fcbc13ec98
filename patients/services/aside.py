"""Work beside the current transaction: on a connection of its own, committed at once, with fresh eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection

T = TypeVar("T")


def aside(work: Callable[[], T]) -> T:
    """Runs `work` in a thread with its own connection: a long reading can tell how far it is, and sees what
    others have committed since it began."""

    def own() -> T:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(own).result()


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else holds this name in any process; it is held until the end."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_lock(hashtextextended(%s, 2))", [name])
        held = bool(cursor.fetchone()[0])
    try:
        yield held
    finally:
        if held:
            with connection.cursor() as cursor:
                cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 2))", [name])
