"""`migrate` as the database owner; afterwards roles, grants and policies are asserted anew."""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.commands.migrate import Command as Migrate

from patients import db, guards
from patients.access import as_owner


class Command(Migrate):
    help = "Applies migrations as the owner and asserts roles, grants, policies and triggers."

    def handle(self, *args: Any, **options: Any) -> str | None:
        db.prepare_roles()
        with as_owner():
            before = guards.sealed_columns()
            result: str | None = super().handle(*args, **options)
            call_command("createcachetable", verbosity=0)
            db.secure(before)
        return result
