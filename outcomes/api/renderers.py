"""The same documents as PDF: `?format=pdf` or Accept: application/pdf. Problems stay JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

from outcomes.sheets.claim_pdf import claim_pdf
from outcomes.sheets.packet_pdf import packet_pdf

FIRST_ERROR = 400


class Pdf(BaseRenderer):
    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"
    made: Callable[[dict[str, Any]], bytes]
    name = ""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        response = (renderer_context or {})["response"]
        if response.status_code >= FIRST_ERROR:
            return json.dumps(data, cls=JSONEncoder).encode()
        response["Content-Disposition"] = f'inline; filename="{self.name}-{data["person"]["code"]}.pdf"'
        return type(self).made(data)


class PacketPdf(Pdf):
    made = staticmethod(packet_pdf)
    name = "packet"


class ClaimPdf(Pdf):
    made = staticmethod(claim_pdf)
    name = "claim"
