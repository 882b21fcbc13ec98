"""`send_notices`: sends what is due, or with --dry-run prints who would get what and why."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from patients.access import everywhere
from patients.services import holds
from workflow.management.options import instant
from workflow.services import notices


class Command(BaseCommand):
    help = "Sends the notices that are due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run", action="store_true", help="print one JSON object a line, send nothing"
        )
        parser.add_argument("--at", type=instant, help="the clock, RFC 3339; default: now")

    def handle(self, *args: Any, **options: Any) -> None:
        with everywhere(by=notices.SENDER):
            held = holds.mail_hold()
        if held is not None:
            self.stderr.write(
                f"Mail is frozen since {held.since.isoformat()} ({held.reason}): see release_mail."
            )
        if options["dry_run"]:
            for row in notices.due(at=options["at"]):
                self.stdout.write(json.dumps(row))
            return
        done = notices.send(at=options["at"])
        self.stdout.write(
            f"{done.sent} sent, {done.cancelled} cancelled, {done.deferred} deferred, {done.failed} failed"
        )
