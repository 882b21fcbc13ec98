"""`export_milestones`: the payer data set of a contract in a folder, the same bytes for the same arguments."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from outcomes.rules.data_package import FORMATS, instant
from outcomes.rules.dataset_tables import LIMITED, PROFILES
from outcomes.services import export_folder
from patients.errors import DomainError
from patients.management.base import OperatorCommand, operator
from patients.models import User
from workflow.management import options as typed


class Command(OperatorCommand):
    help = (
        "Writes the milestone data set of a contract: tables, dictionary and manifest. With --as-of and"
        " --as-known-at the same arguments give the same bytes. Exit 2: it could not be made."
    )
    one_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--contract", required=True, metavar="ID", help="code or id")
        parser.add_argument("--as-of", type=typed.day, metavar="DATE")
        parser.add_argument("--as-known-at", type=typed.instant, metavar="INSTANT")
        parser.add_argument("--profile", choices=PROFILES, default=LIMITED)
        parser.add_argument("--formats", type=formats, default=("csv",), metavar="csv,parquet,xlsx")
        parser.add_argument("--out", type=Path, required=True, metavar="DIR")
        parser.add_argument("--by", metavar="USERNAME", help="who asks; default: the user at the shell")
        parser.add_argument("--reason", default="")
        parser.add_argument("--determination", default="", metavar="REF", help="expert determination")

    def run(self, **options: Any) -> None:
        by = options["by"] or operator()
        if options["by"] and not User.objects.filter(username=by).exists():
            raise CommandError(f"There is no user “{by}”.", returncode=2)
        try:
            made = export_folder.make(folder=options["out"], fields=options, by=by, told=self._told)
        except (DomainError, OSError) as error:
            raise CommandError(_words(error), returncode=2) from error
        assert made.as_of is not None and made.as_known_at is not None and made.manifest is not None
        told = {
            "out": str(options["out"]), "contract": made.contract, "profile": made.profile,
            "as_of": made.as_of.isoformat(), "as_known_at": instant(made.as_known_at),
            "subjects": made.manifest["subjects"], "row_counts": made.row_counts, "sha256": made.sha256,
        }  # fmt: skip
        self.stdout.write(json.dumps(told))

    def _told(self, done: int, total: int) -> None:
        self.stderr.write(f"{done}/{total} patients" if total else f"{done} patients looked at")


def formats(text: str) -> tuple[str, ...]:
    """A list of formats, each once, in the order in which files are written."""
    named = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(named - set(FORMATS))
    if unknown or not named:
        raise argparse.ArgumentTypeError(f"“{text}”: known formats are {', '.join(FORMATS)}")
    return tuple(f for f in FORMATS if f in named)


def _words(error: DomainError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename} cannot be written: {error.strerror}"
    return "\n".join(f.detail for f in error.faults) or error.detail
