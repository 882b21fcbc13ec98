"""Sign-in rules: nobody signs up; accounts are made by `create_staff`; wrong passwords and codes are counted.

Five wrong ones for a name from one address close that door for a quarter of an hour (django-axes). From
whatever addresses they come, after `SIGN_IN_TOTAL` of them only a new password opens the account again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.mfa import signals as mfa
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django.utils import timezone

from patients.admin.roles import OPENS_ADMIN, holds
from patients.limits import within
from patients.models import User
from patients.sealing import FACTORS as MFA_SECRETS
from patients.sealing import lasting_box
from patients.services import signins
from patients.services.reauthentication import SIGNED_IN

SINCE, FACTOR = SIGNED_IN, "second_factor_of"
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class ClosedAdapter(DefaultAccountAdapter):
    """Sign-up is closed, and one address tries only so many sign-ins in an hour."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def get_login_redirect_url(self, request: Any) -> str:
        """A payer's analyst has one page; everybody else begins at the workplace."""
        if holds(request, {"payer_analyst"}) and not holds(request, OPENS_ADMIN):
            return resolve_url("payer")
        return str(super().get_login_redirect_url(request))

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        address = request.META["REMOTE_ADDR"]
        if not within(f"signin:{address}", limit=settings.SIGN_INS_PER_HOUR, seconds=3600):
            raise self.validation_error("too_many_login_attempts")


class FactorAdapter(DefaultMFAAdapter):
    """Secrets of authenticator apps are kept encrypted; people are told apart by their username."""

    def encrypt(self, text: str) -> str:
        return lasting_box(MFA_SECRETS).encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return lasting_box(MFA_SECRETS).decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        return "Daymark"

    def _get_site_name(self) -> str:
        return "Daymark"

    def _get_user_identifier(self, user: Any) -> str:
        return str(user.get_username())


class PasswordBackend(AuthenticationBackend):
    """Username and password. An account that is closed answers as a wrong password does, in the same time."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Any:  # type: ignore[override]
        user: Any = super().authenticate(request, **credentials)
        self.unstash_authenticated_user()
        if user is None:
            signins.failed(username=credentials.get("username") or "")
        elif user.failed_signins >= settings.SIGN_IN_TOTAL:
            return None
        return user


def attempted(request: Any, credentials: Mapping[str, Any] | None) -> str:
    """Whose password is tried, by sign-in or for a second person in a form; one name in any spelling."""
    told = credentials or {}
    name = str(told.get("username") or told.get("login") or request.POST.get("login", ""))
    return unicodedata.normalize("NFKC", name).strip().casefold()[:150]


def factored(request: HttpRequest) -> bool:
    """Whether the person has shown a second factor in this session."""
    return bool(request.session.get(FACTOR) == str(request.user.pk))


@receiver(user_logged_in)
def _signed_in(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    request.session[SINCE] = timezone.now().timestamp()
    if user.failed_signins:
        signins.succeeded(user=user.pk)


@receiver([mfa.authenticator_used, mfa.authenticator_added])
def _shown(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    request.session[FACTOR] = str(user.pk)


@receiver(mfa.authenticator_removed)
def _removed(sender: Any, request: HttpRequest, user: User, **_: Any) -> None:
    if not is_mfa_enabled(user, FACTORS):
        request.session.pop(FACTOR, None)
