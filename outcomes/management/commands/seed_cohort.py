"""`seed_cohort`: a deterministic synthetic cohort through the real services; idempotent by seed."""

from __future__ import annotations

import secrets
from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from outcomes.services import cohort, cohort_exports, cohort_papers
from patients.access import everywhere
from patients.management.base import OperatorCommand, operator
from patients.models import Site, User
from patients.services import sites
from workflow.management.options import day
from workflow.selectors.decisions import local_date

DEMO_SITES = (
    ("northside", "Northside HTC", "America/Chicago"),
    ("riverbend", "Riverbend HTC", "Europe/Berlin"),
)
CERTIFIED_FROM = date(2015, 1, 1)
ADMINISTRATOR, ANALYST = "demo-admin", "demo-analyst"
DEMO_STAFF = (
    (cohort.COORDINATOR, "coordinator"),
    (cohort.CLINICIAN, "clinician"),
    ("demo-clinician-2", "clinician"),
    (ADMINISTRATOR, "site_admin"),
)


class Command(OperatorCommand):
    help = "Seeds synthetic patients in every phase; without --site also two demo sites with staff and data sets."
    one_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--patients", type=int, required=True)
        parser.add_argument("--seed", type=int, required=True)
        parser.add_argument("--as-of", type=day, help="the cohort's today; default: today at the site")
        parser.add_argument("--site", metavar="CODE")

    def run(self, **options: Any) -> None:
        """The people in one transaction; then exports, which read what was committed."""
        with everywhere(by=operator()):
            self._people(options)
        if not options["site"]:
            cohort_exports.make(asks=cohort.COORDINATOR, approves=ADMINISTRATOR)

    def _people(self, options: dict[str, Any]) -> None:
        chosen = [self._site(options["site"])] if options["site"] else [_demo_site(*s) for s in DEMO_SITES]
        today = options["as_of"] or local_date(timezone.now(), chosen[0].timezone)
        if not options["site"]:
            for username, role in DEMO_STAFF:
                self._staff(username, role, chosen)
            self._analyst()
        made = cohort.seed(patients=options["patients"], seed=options["seed"], today=today, sites=chosen)
        self.stdout.write(f"{made} patients seeded")

    def _site(self, code: str) -> Site:
        site = Site.objects.filter(code=code).first()
        if site is None:
            raise CommandError(f"There is no site “{code}”; make it with create_site.")
        return site

    def _staff(self, username: str, role: str, chosen: list[Site]) -> None:
        """One demo person with a generated password, printed once; access to all demo sites."""
        known = User.objects.filter(username=username).exists()
        for site in chosen:
            user = sites.create_staff(
                username=username,
                email=f"{username}@{site.code}.example",
                role=role,
                site=site,
                since=CERTIFIED_FROM,
            )
        if not known:
            user.npi = cohort_papers.CLINICIAN_NPIS.get(username, "")
            self._sign_in(user, role, ", ".join(s.code for s in chosen))

    def _analyst(self) -> None:
        """The payer's analyst of the contract whose data set is released."""
        known = User.objects.filter(username=ANALYST).exists()
        user = sites.create_staff(
            username=ANALYST,
            email=f"{ANALYST}@payer.example",
            role="payer_analyst",
            contract=cohort_exports.CONTRACT,
            since=CERTIFIED_FROM,
        )
        if not known:
            self._sign_in(user, "payer_analyst", cohort_exports.CONTRACT)

    def _sign_in(self, user: User, role: str, place: str) -> None:
        password = secrets.token_urlsafe(15)
        user.set_password(password)
        user.save()
        self.stdout.write(f"Sign-in: {user.username} / {password} ({role}, {place})")


def _demo_site(code: str, name: str, timezone_name: str) -> Site:
    site = Site.objects.filter(code=code).first()
    if site is None:
        npi = cohort_papers.SITE_NPIS.get(code, "")
        site = sites.create_site(code=code, name=name, timezone=timezone_name, npi=npi)
        sites.set_up(site=site, kind="certification", key="hemgenix", by=operator(), from_on=CERTIFIED_FROM)
    return site
