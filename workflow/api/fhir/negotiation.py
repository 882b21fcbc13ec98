"""Which form of JSON is wanted: `_format` before the Accept header; both media types, FHIR 4.0 only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

FORMATS = {
    "json": "application/fhir+json",
    "application/fhir+json": "application/fhir+json",
    "application/json": "application/json",
    "text/json": "application/json",
}


class FhirNegotiation(DefaultContentNegotiation):
    """Answers with the media type alone, whatever parameters the client put behind it."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> Any:
        asked = request.query_params.get("_format", "").replace(" ", "+")
        if asked:
            wanted = FORMATS.get(asked.split(";")[0])
            found = next((r for r in renderers if r.media_type == wanted), None)
            if found is None:
                raise NotAcceptable("Ask for json.")
            return found, found.media_type
        if "fhirversion=" in (accept := request.headers.get("Accept", "").lower()) and "=4.0" not in accept:
            raise NotAcceptable("This server speaks FHIR 4.0 only.")
        renderer, _ = super().select_renderer(request, renderers, format_suffix)
        return renderer, renderer.media_type
