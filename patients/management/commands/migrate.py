"""`migrate` as the database owner; afterwards roles, grants and policies are asserted anew.

That is done at the newest migrations only: on the way there, and after a step back, tables are not as the code
knows them. What was asserted before still holds, and a new table has no grants until then.
"""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.commands.migrate import Command as Migrate
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

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
            if _newest():
                db.secure(before)
            else:
                self.stdout.write("Grants and policies are asserted when the newest migrations are applied.")
        return result


def _newest() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
