"""Every error of the API as application/problem+json (RFC 9457) with `errors` that name field and mend."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseServerError
from django.template.loader import get_template
from django.views.defaults import page_not_found, server_error
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from patients.errors import DomainError, Fault, TooMany
from workflow.api.fhir import exact_json
from workflow.api.fhir.outcome import outcome

MEDIA = "application/problem+json"
log = logging.getLogger("daymark")
TITLES = {
    400: "The request cannot be read",
    401: "Sign in",
    403: "Your role does not allow this",
    404: "There is no such object",
    405: "This method is not allowed here",
    409: "This conflicts with what is recorded",
    413: "The request is too large",
    415: "This media type is not understood",
    422: "Some fields need attention",
    429: "Too many requests",
    500: "Something went wrong here",
    503: "Try again in a moment",
}


def handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """DRF's exception handler: domain errors by their own status, everything else in the same shape."""
    if isinstance(error, DomainError):
        told = _problem(error.status, error.code, error.detail, error.faults, error.title, **error.extra)
        if isinstance(error, TooMany):
            told["Retry-After"] = str(error.retry_after)
        return told
    if isinstance(error, IntegrityError):
        return _problem(409, "conflict", "This conflicts with what is recorded.")
    if isinstance(error, OperationalError):
        return _problem(503, "unavailable", "The database does not answer; try again.")
    if isinstance(error, exceptions.ValidationError):
        return _problem(422, "invalid", "Some fields need attention.")
    answer = exception_handler(error, dict(context))
    if answer is None:
        return None
    response = _problem(answer.status_code, _code(error), _detail(error, answer))
    for name in ("WWW-Authenticate", "Retry-After", "Allow"):
        if answer.has_header(name):
            response[name] = answer[name]
    return response


def _code(error: Exception) -> str:
    if isinstance(error, Http404):
        return "not-found"
    if isinstance(error, PermissionDenied):
        return "forbidden"
    return str(getattr(error, "default_code", "error")).replace("_", "-")


def _detail(error: Exception, answer: Response) -> str:
    if isinstance(error, Http404):
        return "There is no such object."
    detail = answer.data.get("detail", "") if isinstance(answer.data, dict) else ""
    return str(detail)


def _problem(
    status: int, code: str, detail: str, faults: tuple[Fault, ...] = (), title: str = "", **extra: Any
) -> Response:
    return Response(body(status, code, detail, faults, title, **extra), status=status, content_type=MEDIA)


def body(
    status: int, code: str, detail: str, faults: tuple[Fault, ...] = (), title: str = "", **extra: Any
) -> dict[str, Any]:
    """The problem document."""
    errors = [{"pointer": f.pointer, "code": f.code, "detail": f.detail, **f.extra} for f in faults]
    return {
        "type": f"about:blank#{code}",
        "title": title or TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors,
        **extra,
    }


def plain(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    """A problem outside a view: an OperationOutcome below /fhir/, problem+json elsewhere."""
    if request.path.startswith("/fhir/"):
        told = exact_json.dumps(outcome(status, [detail]))
        return HttpResponse(told, status=status, content_type=exact_json.MEDIA)
    return HttpResponse(json.dumps(body(status, code, detail)), status=status, content_type=MEDIA)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 outside a view: problem+json below /api/, an OperationOutcome below /fhir/, a page elsewhere."""
    if request.path.startswith(("/api/", "/fhir/")):
        return plain(request, 404, "not-found", "There is no such address.")
    return page_not_found(request, exception)


def broken(request: HttpRequest) -> HttpResponse | HttpResponseServerError:
    """500, without a word about what was in the request; 503 when the database is away or too busy."""
    log.error("unhandled error", exc_info=True)
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return _away(request)
    if request.path.startswith(("/api/", "/fhir/")):
        return plain(request, 500, "error", "The operator's log says more.")
    return server_error(request)


def _away(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(("/api/", "/fhir/")):
        answer = plain(
            request, 503, "unavailable", "The database does not answer. Nothing was stored: try again."
        )
    else:
        answer = HttpResponse(get_template("503.html").render(), status=503)
    answer.headers["Retry-After"] = "5"
    return answer
