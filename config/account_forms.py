"""Forms in which a password or a code can be guessed: each wrong one counts as at sign-in. And the forgotten password."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import ChangePasswordForm, ResetPasswordForm, UserTokenForm
from allauth.core import context
from allauth.mfa.adapter import get_adapter as get_factor_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from axes.handlers.proxy import AxesProxyHandler
from django import forms
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils import timezone

from patients.limits import within
from patients.models import User
from patients.services import passwords, signins
from workflow.services import password_mail


class PasswordChange(ChangePasswordForm):
    """The present password is asked for as at sign-in, so that a found session cannot guess it."""

    def clean_oldpassword(self) -> str:
        given = str(self.cleaned_data["oldpassword"])
        if not get_adapter().reauthenticate(self.user, given):
            raise get_adapter().validation_error("enter_current_password")
        return given


class PasswordForgotten(ResetPasswordForm):
    """Puts a notice into the ledger for whose address it is; what the page says and does is the same for every address."""

    def clean_email(self) -> str:
        address = context.request.META["REMOTE_ADDR"]
        if not within(f"reset:{address}", limit=settings.RESETS_PER_HOUR, seconds=3600):
            raise get_adapter().validation_error("too_many_login_attempts")
        return str(self.cleaned_data["email"])

    def save(self, request: HttpRequest, **_: Any) -> str:
        password_mail.asked(email=self.cleaned_data["email"], at=timezone.now())
        return str(self.cleaned_data["email"])


class PasswordKey(UserTokenForm):
    """Whether the link to a new password is good."""

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = forms.Form.clean(self) or {}
        key = {"uid": told.get("uidb36", ""), "key": told.get("key", "")}
        self.reset_user = passwords.person_of(**key, at=timezone.now())
        if self.reset_user is None:
            raise get_adapter().validation_error("invalid_password_reset")
        return told


class _Counted(BaseAuthenticateForm):
    def clean_code(self) -> str:
        request: Any = context.request
        if not _may_try(request, self.user):
            request.axes_locked_out = True
            raise get_adapter().validation_error("too_many_login_attempts")
        try:
            return str(super().clean_code())
        except ValidationError:
            _wrong(request, self.user)
            raise


class SignInCode(_Counted, AuthenticateForm):
    """The code asked for after the password."""


class ConfirmCode(_Counted, ReauthenticateForm):
    """The code asked for before something delicate."""


def _may_try(request: HttpRequest, user: User) -> bool:
    if signins.exhausted(user=user.pk):
        raise get_factor_adapter().validation_error("incorrect_code")
    return bool(AxesProxyHandler.is_allowed(request, {"username": user.username}))


def _wrong(request: HttpRequest, user: User) -> None:
    signins.failed(username=user.username)
    user_login_failed.send(sender=__name__, credentials={"username": user.username}, request=request)
