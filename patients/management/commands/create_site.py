"""`create_site CODE`: a treatment centre; run again it adds what is new (certification) and changes nothing else."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from patients.management.base import OperatorCommand, operator
from patients.models import Site
from patients.services import sites


class Command(OperatorCommand):
    help = "Makes a site (idempotent by code) and records its certification for a pathway."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--name", required=True)
        parser.add_argument("--timezone", required=True, help="IANA name, such as America/Chicago")
        parser.add_argument("--npi", default="")
        parser.add_argument("--certified-for", action="append", default=[], metavar="PATHWAY")
        parser.add_argument("--certified-from", type=date.fromisoformat, metavar="DATE")

    def run(self, **options: Any) -> None:
        site = Site.objects.filter(code=options["code"]).first()
        if site is None:
            site = sites.create_site(
                code=options["code"], name=options["name"], timezone=options["timezone"], npi=options["npi"]
            )
        for pathway in options["certified_for"]:
            sites.set_up(
                site=site, kind="certification", key=pathway, by=operator(), from_on=options["certified_from"]
            )
        self.stdout.write(f"{site.code} {site.pk}")
