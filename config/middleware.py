"""One transaction around every answer, with the sites of the signed-in person open in it.

The transaction spans rendering too, so nothing is read outside the person's sites. An answer below 500 is
committed, any other is rolled back. A page with patient data is logged as read in the same transaction: if
the log cannot be written, the page is not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pghistory
from django.conf import settings
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from patients import access, matrix
from patients.models import ReadLog

GetResponse = Callable[[HttpRequest], HttpResponse]
UNTOUCHED = ("/healthz", "/readyz", "/static/")
SEEN = "seen_at"


def no_store(get_response: GetResponse) -> GetResponse:
    """Nothing but static files is kept by browsers and proxies."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def request_transaction(get_response: GetResponse) -> GetResponse:
    """Opens the transaction, the context and the audit context."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(UNTOUCHED):
            return get_response(request)
        with transaction.atomic(), pghistory.context(request=str(uuid4())):
            idle = _signed_out_when_idle(request)
            if idle is not None:
                return idle
            _enter(request)
            response = get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            else:
                _log_read(request, response)
            return response

    return middleware


def _enter(request: HttpRequest) -> None:
    """Opens the sites of a session's user; a token's user is entered by the authenticator."""
    if request.user.is_authenticated:
        principal = access.principal_of(request.user)
        request.principal = principal  # type: ignore[attr-defined]
        access.enter(principal)
        pghistory.context(user=principal.username).__enter__()


def _signed_out_when_idle(request: HttpRequest) -> HttpResponse | None:
    """Ends a session without a request for longer than the idle limit."""
    if not request.user.is_authenticated:
        return None
    now = timezone.now().timestamp()
    seen = request.session.get(SEEN, now)
    if now - seen > settings.SESSION_IDLE_SECONDS:
        logout(request)
        return redirect(settings.LOGIN_URL)
    if now - seen > 60 or SEEN not in request.session:
        request.session[SEEN] = now
    return None


def _log_read(request: HttpRequest, response: HttpResponse) -> None:
    match = request.resolver_match
    if match is None or response.status_code >= 400 or not matrix.holds_patient_data(match.view_name):
        return
    principal = getattr(request, "principal", None)
    if principal is None:
        return
    ReadLog.objects.create(
        at=timezone.now(),
        user_id=principal.user,
        route=match.view_name,
        method=request.method or "",
        subject=str(getattr(request, "read_subject", "") or _subject(match.kwargs)),
        sites=[str(s) for s in principal.roles],
        status=response.status_code,
    )


def _subject(kwargs: dict[str, Any]) -> str:
    """The first identifier in the address: patient, task, result…"""
    ids = [v for v in kwargs.values() if isinstance(v, UUID)]
    return str(ids[0]) if ids else ""
