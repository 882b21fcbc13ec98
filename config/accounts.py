"""Sign-in rules: nobody signs up; accounts are made by `create_staff`; wrong passwords are counted by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.shortcuts import resolve_url

from patients.admin.roles import OPENS_ADMIN, holds


class ClosedAdapter(DefaultAccountAdapter):
    """Sign-up is closed."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def get_login_redirect_url(self, request: Any) -> str:
        """A payer's analyst has one page; everybody else begins at the workplace."""
        if holds(request, {"payer_analyst"}) and not holds(request, OPENS_ADMIN):
            return resolve_url("payer")
        return str(super().get_login_redirect_url(request))


def attempted(request: Any, credentials: Mapping[str, Any] | None) -> str:
    """Whose password is tried: by sign-in, or for a second person in a form."""
    told = credentials or {}
    return str(told.get("username") or told.get("login") or request.POST.get("login", ""))
