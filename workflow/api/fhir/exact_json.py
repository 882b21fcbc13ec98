"""JSON with exact numbers: a Decimal is written with all its digits, without exponent and never through a float."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from rest_framework.renderers import BaseRenderer

MEDIA = "application/fhir+json"


def dumps(value: Any) -> str:
    """The JSON text of a document of dicts, lists, texts, whole numbers, booleans and decimals.

    >>> dumps({"value": Decimal("72.50")})
    '{"value":72.50}'
    """
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dumps(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumps, value)) + "]"
    if isinstance(value, Decimal):
        return format(value, "f")
    return json.dumps(value, allow_nan=False)


class FhirJson(BaseRenderer):
    media_type = MEDIA
    format = "json"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return b"" if data is None else dumps(data).encode()


class PlainJson(FhirJson):
    media_type = "application/json"
