"""Sign-in rules: nobody signs up; accounts are made by `create_staff`."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter


class ClosedAdapter(DefaultAccountAdapter):
    """Sign-up is closed."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False
