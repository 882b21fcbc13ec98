"""What people choose for themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from rest_framework import serializers

from patients.errors import NotFound
from patients.models import User
from patients.services.shapes import Strict


class MailIn(Strict):
    """How reminders of tasks come: in one mail a day (at which local hour, also at weekends), or one by one."""

    mail_digest = serializers.BooleanField()
    digest_hour = serializers.IntegerField(min_value=0, max_value=23)
    mail_weekends = serializers.BooleanField()
    mail_single = serializers.BooleanField()


def choose_mail(*, user: UUID, fields: Mapping[str, Any]) -> User:
    """Keeps a person's choice. Raises NotFound."""
    with transaction.atomic():
        row = User.objects.select_for_update(no_key=True).filter(pk=user).first()
        if row is None:
            raise NotFound("There is no such person.")
        for name, value in fields.items():
            setattr(row, name, value)
        row.save(update_fields=list(fields))
        return row
