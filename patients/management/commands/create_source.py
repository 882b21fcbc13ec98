"""`create_source CODE`: a laboratory that sends results to a site."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from patients.management.base import OperatorCommand
from patients.models import Site
from patients.services import sites


class Command(OperatorCommand):
    help = "Makes a laboratory source of a site; idempotent by code."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--site", required=True, metavar="CODE")
        parser.add_argument("--mrn-authority", action="append", default=[])
        parser.add_argument("--timezone", default="")
        parser.add_argument("--default-uln", action="append", default=[], metavar="ANALYTE=NUMBER")
        parser.add_argument("--sending-app", default="")
        parser.add_argument("--sending-facility", default="")
        parser.add_argument(
            "--decimal", default=".", choices=(".", ","), help="the decimal sign of its values"
        )
        parser.add_argument("--iso-times", action="store_true", help="HL7 times may be ISO 8601 text")

    def run(self, **options: Any) -> None:
        site = Site.objects.filter(code=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site “{options['site']}”; make it with create_site.")
        pairs = [text.partition("=") for text in options["default_uln"]]
        source = sites.create_source(
            code=options["code"],
            site=site,
            mrn_authorities=options["mrn_authority"],
            timezone=options["timezone"],
            default_uln={analyte: number for analyte, _, number in pairs},
            sending_app=options["sending_app"],
            sending_facility=options["sending_facility"],
            decimal=options["decimal"],
            iso_times=options["iso_times"],
        )
        self.stdout.write(f"{source.code} {source.pk}")
