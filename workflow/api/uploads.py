"""Files as request bodies: multipart with a `file` part, or the raw bytes of a known media type."""

from __future__ import annotations

import hashlib
import io
from typing import Any, BinaryIO

from rest_framework.parsers import BaseParser, MultiPartParser

from patients.errors import DomainError

LIMIT = 50 * 1024 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FIELDS = ("source", "format", "mapping", "dry_run")


class TooLarge(DomainError):
    status = 413
    code = "too-large"
    title = "The request is too large"


class Sent:
    """A file as sent: its name and bytes. As text it is its SHA-256, so equal bodies compare equal."""

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self.name, self.stream = name, stream
        digest = hashlib.sha256()
        while data := stream.read(1 << 20):
            digest.update(data)
        stream.seek(0)
        self.sha256 = digest.hexdigest()

    def __str__(self) -> str:
        return self.sha256


def _declared(context: Any) -> int:
    request = (context or {}).get("request")
    text = request.META.get("CONTENT_LENGTH") if request is not None else ""
    return int(text) if text and text.isdigit() else 0


def _refuse_more(size: int) -> None:
    if size > LIMIT:
        raise TooLarge("A file of at most 50 MB is taken here; use the import_labs command for larger ones.")


class FileForm(MultiPartParser):
    """`multipart/form-data` with one part named `file`; the other parts are options."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        _refuse_more(_declared(parser_context) - 64 * 1024)
        found = super().parse(stream, media_type, parser_context)
        told: dict[str, Any] = {name: found.data.get(name) for name in found.data}
        told["files"] = sorted(found.files)
        if "file" in found.files:
            sent: Any = found.files["file"]
            _refuse_more(sent.size or 0)
            told["file"] = Sent(sent.name or "upload", sent)
        return told


class RawFile(BaseParser):
    """The body is the file itself."""

    media_type = "application/octet-stream"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        _refuse_more(_declared(parser_context))
        data = stream.read(LIMIT + 1)
        _refuse_more(len(data))
        return {"file": Sent("upload", io.BytesIO(data))}


def _raw(kind: str) -> type[RawFile]:
    return type("RawFile", (RawFile,), {"media_type": kind, "__doc__": RawFile.__doc__})


RAW = [
    _raw(kind)
    for kind in (
        "application/octet-stream", "application/hl7-v2+er7", "application/hl7-v2", "text/plain", "application/fhir+json",
        "application/json", "application/fhir+ndjson", "application/x-ndjson", "text/csv", XLSX,
    )
]  # fmt: skip
PARSERS: list[type[BaseParser]] = [FileForm, *RAW]
