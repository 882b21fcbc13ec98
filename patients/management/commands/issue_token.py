"""`issue_token USERNAME`: an API token, printed once and stored as a hash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from knox.models import AuthToken

from patients.management.base import OperatorCommand
from patients.models import User


class Command(OperatorCommand):
    help = "Prints a new API token alone on stdout; it acts with the roles of its user."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", required=True, help="what the token is for")
        parser.add_argument("--days", type=int, help="default: 90")

    def run(self, **options: Any) -> None:
        user = User.objects.filter(username=options["username"], is_active=True).first()
        if user is None:
            raise CommandError(f"There is no active user “{options['username']}”.")
        days = options["days"]
        lifetime = settings.REST_KNOX["TOKEN_TTL"] if days is None else timedelta(days=days)
        _, token = AuthToken.objects.create(user=user, expiry=lifetime)
        self.stdout.write(token)
