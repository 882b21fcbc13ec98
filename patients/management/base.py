"""Commands of the operator: they see all sites, and audit events name the person at the shell."""

from __future__ import annotations

import getpass
import sys
from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from patients.access import everywhere
from patients.db import refuse_start
from patients.errors import DomainError


def operator() -> str:
    """Who runs a command: cli:<user of the operating system>."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return "cli:unknown"


class OperatorCommand(BaseCommand):
    """Runs `run` in one transaction with all sites open; an error that a person can mend ends it with words.

    A command that commits as it goes sets `one_transaction` to False and opens its sites itself.
    """

    one_transaction = True

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            refuse_start()
        try:
            with everywhere(by=operator()) if self.one_transaction else nullcontext():
                code = self.run(**options)
        except DomainError as error:
            faults = [f"{f.pointer}: {f.detail}" for f in error.faults] or [error.detail]
            raise CommandError("\n".join(faults)) from error
        if code:
            sys.exit(code)

    def run(self, **options: Any) -> int | None:
        """The command itself; a number other than 0 is the exit code, after everything is committed."""
        raise NotImplementedError
