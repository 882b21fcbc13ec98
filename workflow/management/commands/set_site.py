"""`set_site CODE`: certifies a centre from when to when, and sets its own numbers in place of our assumptions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from patients.errors import NotFound
from patients.management.base import OperatorCommand, operator
from patients.models import Site
from workflow.management.options import day, whole
from workflow.services import settings


class Command(OperatorCommand):
    help = "Records a certification or a number of a site; the newest row that has begun decides."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code")
        parser.add_argument("--certified-for", metavar="PATHWAY")
        parser.add_argument("--number", nargs=2, metavar=("NAME", "VALUE"),
                            help="for example gates.liver-imaging.validity_days 90")  # fmt: skip
        parser.add_argument("--escalation", nargs=2, metavar=("ROLE", "DAYS"),
                            help="after how many days a clinician or site_admin hears of an overdue task")  # fmt: skip
        parser.add_argument("--from", dest="from_on", type=day, help="first day; a number: default today")
        parser.add_argument("--to", dest="to_on", type=day, help="last day; default: none")

    def run(self, **options: Any) -> None:
        site = Site.objects.filter(code=options["code"]).first()
        if site is None:
            raise NotFound(f"There is no site {options['code']}.")
        when = {"from_on": options["from_on"], "to_on": options["to_on"]}
        if options["certified_for"]:
            settings.certify(site=site, pathway=options["certified_for"], by=operator(), **when)
        if options["number"]:
            name, value = options["number"]
            settings.override(site=site, name=name, value=value, by=operator(), **when)
        if options["escalation"]:
            role, days = options["escalation"]
            settings.escalate(site=site, role=role, days=whole(days), by=operator(), **when)
