"""One transaction around every answer, with the sites of the signed-in person open in it.

The transaction spans rendering too, so nothing is read outside the person's sites. An answer below 500 is
committed, any other is rolled back. A page with patient data is logged as read in the same transaction: if
the log cannot be written, the page is not shown. What was refused or failed is written down afterwards. Where a second factor is required, nobody is let in to
anything but the pages that set one up before it was shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pghistory
from django.conf import settings
from django.contrib.auth import logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils import timezone

from config.accounts import SINCE, factored
from config.problems import plain
from patients import access, matrix
from patients.models import Denial
from patients.selectors import reading
from patients.services import reads

GetResponse = Callable[[HttpRequest], HttpResponse]
UNTOUCHED = ("/healthz", "/readyz", "/static/")
OWN_ACCOUNT = ("account_", "mfa_")
SEEN = "seen_at"
REFUSALS = {403: "denied", 404: "missing", 429: "locked"}
"""Answers that are written down as refused, by their kind."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def headers(get_response: GetResponse) -> GetResponse:
    """What every answer carries, errors of any layer included; only static files are kept by browsers."""

    def middleware(request: HttpRequest) -> HttpResponse:
        request.META["REMOTE_ADDR"] = _address(request)
        response = get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if not request.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def _address(request: HttpRequest) -> str:
    """Who asks, as told by the nearest of our own proxies; what lies before it anybody may have written."""
    told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    if settings.PROXIES and len(told) >= settings.PROXIES and (address := told[-settings.PROXIES]):
        return address[:45]
    return str(request.META.get("REMOTE_ADDR", ""))


def request_transaction(get_response: GetResponse) -> GetResponse:
    """Opens the transaction, the context and the audit context."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path.startswith(UNTOUCHED):
            return get_response(request)
        with transaction.atomic(), pghistory.context(request=str(uuid4())):
            _end_old_session(request)
            response = _closed(request) or _refused(request) or get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
            elif principal := getattr(request, "principal", None):
                _log_read(request, response, principal)
        _log_refusal(request, response)
        return response

    return middleware


def _closed(request: HttpRequest) -> HttpResponse | None:
    """Refuses a method that the page's row in the access matrix does not name; the API says so itself."""
    route, _ = _asked(request)
    if not route or request.path.startswith(("/api/", "/fhir/")) or matrix.names(route, request.method or ""):
        return None
    return HttpResponseNotAllowed(matrix.rows().get(matrix.row_of(route), {}))


def _refused(request: HttpRequest) -> HttpResponse | None:
    """Lets a session's person in: opens the sites, or answers that a second factor comes first.

    A token's person is entered by the authenticator. Pages that are open to everybody answer as to a stranger.
    """
    if not request.user.is_authenticated:
        return None
    route, kwargs = _asked(request)
    if settings.SECOND_FACTOR_REQUIRED and not factored(request):
        return _without_factor(request, route)
    if not route.startswith(OWN_ACCOUNT) and matrix.OPEN not in matrix.roles(route, request.method or ""):
        reads = matrix.read_patient(route, request.method or "", kwargs)
        principal = access.principal_of(request.user, reads=reads)
        request.principal = principal  # type: ignore[attr-defined]
        access.enter(principal)
    pghistory.context(user=request.user.get_username()).__enter__()
    return None


def _without_factor(request: HttpRequest, route: str) -> HttpResponse | None:
    if route.startswith(OWN_ACCOUNT) or matrix.OPEN in matrix.roles(route, request.method or ""):
        return None
    if request.path.startswith(("/api/", "/fhir/")):
        return plain(request, 403, "second-factor", "Set up a second factor and sign in with it.")
    return redirect("mfa_index")


def _asked(request: HttpRequest) -> tuple[str, dict[str, Any]]:
    """The route's name and the parameters of the address; "" where there is no such page."""
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return "", {}
    return match.view_name, match.kwargs


def _end_old_session(request: HttpRequest) -> None:
    """Ends a session that rested for longer than the idle limit, or began before the absolute one."""
    if not request.user.is_authenticated:
        return
    now = timezone.now().timestamp()
    since = request.session.get(SINCE, 0)
    seen = request.session.get(SEEN, since)
    if now - seen > settings.SESSION_IDLE_SECONDS or now - since > settings.SESSION_LONGEST_SECONDS:
        logout(request)
    elif now - seen > 60:
        request.session[SEEN] = now


def _log_read(request: HttpRequest, response: HttpResponse, principal: access.Principal) -> None:
    match = request.resolver_match
    if match is None or response.status_code >= 400 or not matrix.holds_patient_data(match.view_name):
        return
    subject = str(getattr(request, "read_subject", "") or _subject(match.kwargs))
    content = b"" if response.streaming or principal.pays_only else response.content
    asked = reading.ids(subject.encode())
    thing = asked[0] if asked and "patient" not in match.kwargs and not principal.pays_only else None
    access.leave(principal)
    reads.log(
        at=timezone.now(), user=principal.user, route=match.view_name, method=request.method or "", subject=subject,
        named=[*asked, *reading.ids(content)], thing=thing, sites=principal.roles, status=response.status_code,
        emergency=principal.emergency.id if principal.emergency else None,
    )  # fmt: skip


def _log_refusal(request: HttpRequest, response: HttpResponse) -> None:
    """Writes down, in a transaction of its own, what was refused to somebody who is known, and what failed.

    An error rolls back the request's own transaction; this row stays.
    """
    kind = "failed" if response.status_code >= 500 else REFUSALS.get(response.status_code, "")
    match = request.resolver_match
    if not kind or match is None:
        return
    principal = getattr(request, "principal", None)
    if principal is None and kind != "locked":
        return
    with access.bookkeeping():
        Denial.objects.create(
            at=timezone.now(),
            user_id=principal.user if principal else None,
            kind=kind,
            route=match.view_name[:128],
            method=request.method or "",
            subject=_subject(match.kwargs),
            status=response.status_code,
        )


def _subject(kwargs: dict[str, Any]) -> str:
    """The first identifier in the address: patient, task, result…"""
    ids = [v for v in kwargs.values() if isinstance(v, UUID)]
    return str(ids[0]) if ids else ""
