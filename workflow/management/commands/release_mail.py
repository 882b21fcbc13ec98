"""`release_mail`: lets mail go out again that a restore has frozen."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from patients.management.base import OperatorCommand, operator
from workflow.management.options import instant
from workflow.services import release


class Command(OperatorCommand):
    help = "Ends the hold on outgoing mail after a restore; what is true now is sent once."
    one_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--sent-until", type=instant, metavar="INSTANT",
            help="the lost installation sent mail up to here (its mail server's log tells): not sent again",
        )  # fmt: skip

    def run(self, **options: Any) -> None:
        done = release.release_mail(by=operator(), sent_until=options["sent_until"])
        if not done.was_frozen:
            self.stdout.write("Mail was not frozen.")
        self.stdout.write(
            f"{done.waiting} notices are due and go out now if they are still so;"
            f" {done.told_before} count as sent before the restore."
        )
