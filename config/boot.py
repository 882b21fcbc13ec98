"""Before a process of a production installation serves: may it, with this login and this database?"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection


def check(**_: Any) -> None:
    """Raises RuntimeError where it may not; outside production one login does everything."""
    if not settings.PRODUCTION:
        return
    from patients.db import refuse_start

    try:
        refuse_start()
    finally:
        connection.close()
