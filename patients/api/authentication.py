"""Who asks: a Bearer token or a session. Either way the person's sites are opened in the transaction."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pghistory
from django.conf import settings
from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request

from patients import access, matrix


class BearerToken(TokenAuthentication):
    """`Authorization: Bearer TOKEN`; the token acts with the roles of its user."""

    def authenticate(self, request: Request) -> Any:
        found = super().authenticate(request)
        if found is not None:
            principal = access.principal_of(found[0], reads=_read(request._request))
            access.enter(principal)
            request._request.principal = principal  # type: ignore[attr-defined]
            pghistory.context(user=principal.username).__enter__()
        return found


def _read(request: HttpRequest) -> UUID | None:
    match = request.resolver_match
    return matrix.read_patient(match.view_name, request.method or "", match.kwargs) if match else None


class SignedInSession(SessionAuthentication):
    """The browser's session, with CSRF protection. The middleware has opened the sites already."""

    def authenticate_header(self, request: Request | HttpRequest) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the token."""

    target_class = BearerToken
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the session."""

    target_class = SignedInSession
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME}
