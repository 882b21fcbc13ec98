"""Lost-update protection: every changeable object has an ETag, and a change names the one it has seen."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from patients.errors import DomainError, Malformed


class PreconditionRequired(DomainError):
    status = 428
    code = "precondition-required"
    title = "Say which version you have seen"


def etag(response: Response, version: int) -> Response:
    """The response with its ETag."""
    response["ETag"] = f'"{version}"'
    return response


def expected_version(request: Request) -> int:
    """The version in If-Match. Raises PreconditionRequired without one, Malformed for something else."""
    version = seen_version(request)
    if version is None:
        raise PreconditionRequired("Send If-Match with the ETag of the version you have seen.")
    return version


def seen_version(request: Request) -> int | None:
    """The version in If-Match where that header is optional. Raises Malformed for something else."""
    text = request.headers.get("If-Match")
    if text is None:
        return None
    digits = text.strip().removeprefix("W/").strip('"')
    if not digits.isdigit() or len(digits) > 9:
        raise Malformed.at("/", "if-match", 'If-Match must hold one ETag, such as "3".')
    return int(digits)
