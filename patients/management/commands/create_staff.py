"""`create_staff USERNAME`: a person with a role at a site or for a contract."""

from __future__ import annotations

import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from patients.management.base import OperatorCommand
from patients.models import ROLES, Site, User
from patients.services import passwords, sites


class Command(OperatorCommand):
    help = "Makes a person (idempotent) and prints a one-time link to set a password, or reads it from stdin."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--email", required=True)
        parser.add_argument("--site", metavar="CODE")
        parser.add_argument("--contract", default="", metavar="CODE")
        parser.add_argument("--role", required=True, choices=ROLES)
        parser.add_argument("--password-stdin", action="store_true")

    def run(self, **options: Any) -> None:
        site = self._site(options)
        user = sites.create_staff(
            username=options["username"],
            email=options["email"],
            role=options["role"],
            site=site,
            contract=options["contract"],
        )
        if options["password_stdin"]:
            self._set_password(user, sys.stdin.readline().rstrip("\n"))
            self.stdout.write(f"{user.username}: password set")
        else:
            self.stdout.write(passwords.link(user, key=passwords.GIVEN, at=timezone.now()))

    def _site(self, options: dict[str, Any]) -> Site | None:
        if options["role"] == "payer_analyst":
            if not options["contract"] or options["site"]:
                raise CommandError("A payer analyst belongs to a contract: give --contract, not --site.")
            return None
        if not options["site"]:
            if options["role"] == "auditor":
                return None
            raise CommandError("Give --site CODE.")
        site = Site.objects.filter(code=options["site"]).first()
        if site is None:
            raise CommandError(f"There is no site “{options['site']}”; make it with create_site.")
        return site

    def _set_password(self, user: User, password: str) -> None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        user.set_password(password)
        user.save()
