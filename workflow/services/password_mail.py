"""A forgotten password: a notice in the ledger for whose address it is, nothing for any other."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from patients.access import everywhere
from patients.ids import new_id
from workflow.services import notice_sql

PER_HOUR = 3
"""Mails for one account."""
ACCOUNTS = 5
"""Accounts with the same address that are told at once."""


def asked(*, email: str, at: datetime) -> None:
    """One notice for each active account with this address, at most `PER_HOUR` each; the link is made when it is sent."""
    told: dict[str, Any] = {
        "email": email,
        "now": at,
        "limit": PER_HOUR,
        "ids": [new_id() for _ in range(ACCOUNTS)],
    }
    with everywhere(by="password-reset"), connection.cursor() as cursor:
        cursor.execute(notice_sql.PASSWORD, told)
