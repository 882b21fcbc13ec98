"""The base of all background tasks: each writes down when it began and how it ended."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery import Task
from django.db import DatabaseError
from django.utils import timezone

log = logging.getLogger("daymark")


class Recorded(Task):  # type: ignore[misc]
    """A task whose last run can be looked at. That it cannot be written down keeps no task from its work."""

    abstract = True

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        from patients.services import runs

        self._kept(runs.started)

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        from patients.services import runs

        self._kept(runs.ended)

    def on_failure(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        from patients.services import runs

        self._kept(runs.ended, error=type(exc).__name__)

    def _kept(self, write: Callable[..., None], **told: str) -> None:
        try:
            write(name=self.name, at=timezone.now(), **told)
        except DatabaseError:
            log.warning("a run could not be written down", extra={"task": self.name})
