"""The same documents as PDF: `?format=pdf` or Accept: application/pdf. Problems stay JSON.

What draws them is loaded with the first sheet: it is a third of all that a web process loads, which after a crash
has to be back soon.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer
from rest_framework.utils.encoders import JSONEncoder

FIRST_ERROR = 400


class Pdf(BaseRenderer):
    media_type = "application/pdf"
    format = "pdf"
    charset = None
    render_style = "binary"
    name = ""

    @staticmethod
    def made(document: dict[str, Any]) -> bytes:
        raise NotImplementedError

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
        return self.made(data)


class PacketPdf(Pdf):
    name = "packet"

    @staticmethod
    def made(document: dict[str, Any]) -> bytes:
        from outcomes.sheets.packet_pdf import packet_pdf

        return packet_pdf(document)


class ClaimPdf(Pdf):
    name = "claim"

    @staticmethod
    def made(document: dict[str, Any]) -> bytes:
        from outcomes.sheets.claim_pdf import claim_pdf

        return claim_pdf(document)
