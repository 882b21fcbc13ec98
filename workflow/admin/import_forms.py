"""The upload form: which file from which source, read how. Faults name their field, all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.files.uploadedfile import UploadedFile

from patients.errors import Fault, Invalid
from patients.models import Site, Source, TableMapping
from patients.readers import files
from patients.readers.envelope import Unreadable
from workflow.admin.forms import Choices, Field
from workflow.rules.intake_words import FORMATS

SENDER = "sender:"
LARGEST = 50 * 1024 * 1024
TABLES = ("csv", "xlsx")


@dataclass(frozen=True, slots=True)
class Known:
    """What may be chosen: sites, sources and table mappings of this person; three queries."""

    sites: Sequence[Site]
    sources: Sequence[Source]
    mappings: Sequence[TableMapping]

    def fields(self) -> tuple[Field, ...]:
        return (
            Field("file", "File", "file", "HL7 v2, FHIR JSON or NDJSON, CSV or XLSX; at most 50 MB."),
            Field("source", "Source", "select", "The laboratory or system that wrote it.", self._sources()),
            Field("format", "Format", "select", choices=tuple(FORMATS.items()), optional=True),
            Field(
                "mapping",
                "Table mapping",
                "select",
                "For CSV and XLSX only.",
                self._mappings(),
                optional=True,
            ),
        )

    def _sources(self) -> Choices:
        named = [(s.code, f"{s.code}, {s.site.name}") for s in self.sources]
        return [*named, *((f"{SENDER}{s.pk}", f"As the HL7 messages say, {s.name}") for s in self.sites)]

    def _mappings(self) -> Choices:
        told = [(str(m.pk), f"{m.name} ({m.source.code})") for m in self.mappings]
        return [("", "None: the headers are the field names"), *told]


def known(sites: Sequence[UUID]) -> Known:
    return Known(
        list(Site.objects.filter(pk__in=sites).order_by("name")),
        list(Source.objects.filter(site__in=sites).select_related("site").order_by("code")),
        list(
            TableMapping.objects.filter(site__in=sites)
            .select_related("source")
            .order_by("source__code", "name")
        ),
    )


def read(posted: Mapping[str, Any], upload: UploadedFile | None, choices: Known) -> dict[str, Any]:
    """The arguments of `imports.keep` and `imports.preview`. Raises Invalid naming every faulty field."""
    faults: list[Fault] = []
    form = posted.get("format") or "auto"
    if form not in FORMATS:
        faults.append(Fault("/format", "unknown", "Choose one of the formats."))
    site, source = _source(posted.get("source", ""), choices, faults)
    mapping = _mapping(posted.get("mapping", ""), source, choices, faults)
    if upload is None or not upload.size:
        text = f"“{upload.name}” is empty." if upload else "Choose a file."
        faults.append(Fault("/file", "required", text))
    elif upload.size > LARGEST:
        faults.append(
            Fault("/file", "too-large", "The file is larger than 50 MB; import it with import_labs.")
        )
    elif site is not None and source is None and _kind(upload, form) != "hl7v2":
        faults.append(Fault("/source", "required", "Only HL7 messages name their sender; choose the source."))
    if faults or upload is None:
        raise Invalid.of(*faults)
    return {"name": upload.name or "upload", "stream": upload, "site": site, "source": source, "form": form,
            "mapping": mapping}  # fmt: skip


def _source(text: str, choices: Known, faults: list[Fault]) -> tuple[UUID | None, Source | None]:
    if text.startswith(SENDER):
        site = next((s.pk for s in choices.sites if f"{SENDER}{s.pk}" == text), None)
        if site is not None:
            return site, None
    source = next((s for s in choices.sources if s.code == text), None)
    if source is None:
        faults.append(Fault("/source", "required", "Choose the source of the file."))
        return None, None
    return source.site_id, source


def _mapping(text: str, source: Source | None, choices: Known, faults: list[Fault]) -> str:
    if not text:
        return ""
    row = next((m for m in choices.mappings if str(m.pk) == text), None)
    if row is None or (source is not None and row.source_id != source.pk):
        of = f" of {source.code}" if source else ""
        faults.append(Fault("/mapping", "unknown", f"Choose a table mapping{of}."))
        return ""
    return row.name


def _kind(upload: UploadedFile, form: str) -> str:
    """The format as chosen, or as the content says; a file that cannot be told is left to the import."""
    if form != "auto":
        return form
    try:
        return files.sniffed(upload)  # type: ignore[arg-type]
    except Unreadable:
        return "hl7v2"
