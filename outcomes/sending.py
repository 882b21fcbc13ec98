"""A kept file as an answer, for the API and for pages."""

from __future__ import annotations

from django.http import StreamingHttpResponse

from outcomes.services.downloads import Download


def sent(file: Download) -> StreamingHttpResponse:
    """The file as it was made, to be saved under a name that says what it is."""
    response = StreamingHttpResponse(file.parts(), content_type=file.media_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    response["Content-Length"] = str(file.size)
    response["ETag"] = f'"{file.sha256}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
