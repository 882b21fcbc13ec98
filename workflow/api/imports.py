"""`imports/`: files of a laboratory in; every item's disposition, the rejected ones, and the bytes out."""

from __future__ import annotations

import io
from typing import Any
from uuid import UUID

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.errors import Fault, Forbidden, Invalid, Malformed, NotFound
from patients.models import Inbound, Source, TableMapping
from patients.readers import files, hl7, hl7_results
from patients.readers.envelope import Unreadable
from patients.selectors.sources import sender_of
from patients.services import blobs
from workflow.api import uploads
from workflow.api.uploads import Sent
from workflow.selectors import inbound as selector
from workflow.services import imports

WHOLE = frozenset({"coordinator", "clinician", "auditor"})
OPTIONS = [OpenApiParameter(name, str) for name in uploads.FIELDS]


class AnyFormat(DefaultContentNegotiation):
    """`format` names the format of the file that is sent, not that of the answer."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        return renderers


class Imports(ApiView):
    """The imports of the person's sites; `POST` takes a file and answers for each of its items."""

    content_negotiation_class = AnyFormat
    parser_classes = uploads.PARSERS  # type: ignore[assignment]

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="imports_list")
    def get(self, request: Request) -> Response:
        given = filters_of(request, ("source", "state"), ordering=("at", "-at"))
        rows = _mine(self).filter(**_told(given, source="source__code", state="state"))
        rows = rows.order_by(given.get("ordering", "-at"), "pk")
        return page_of(request, rows, lambda page: [selector.import_row(r) for r in page])

    @extend_schema(
        request={"application/octet-stream": OpenApiTypes.BINARY},
        parameters=OPTIONS,
        responses=dict.fromkeys((200, 202), OpenApiTypes.OBJECT),
        operation_id="imports_create",
    )
    @idempotent
    def post(self, request: Request) -> Response:
        sent, options = _options(request)
        site, source = self._where(sent, options)
        told: dict[str, Any] = {
            "name": sent.name, "stream": sent.stream, "site": site, "source": source, "by": self.by(),
            "form": options["format"], "mapping": options["mapping"],
        }  # fmt: skip
        if options["dry_run"]:
            report = imports.preview(**told, keep_items=selector.SHOWN_ITEMS)
            return Response({**report.shown(), "items": report.items})
        if imports.many(sent.stream, source, options["format"], options["mapping"]):
            row = imports.keep(**told, queued=True)
            return Response(
                selector.import_json(row, items=True), status=202, headers={"Location": f"{row.pk}/"}
            )
        row = imports.keep(**told)
        imports.run(inbound=row)
        return Response(selector.import_json(row, items=True))

    def _where(self, sent: Sent, options: dict[str, Any]) -> tuple[UUID, Source | None]:
        """The source and its site: as named, else the sender of the first message, else the only site."""
        allowed = [s for s in self.principal().sites() if self.principal().at(s) & self.allowed()]
        source = _source(options, allowed) or _sender(sent, allowed)
        if source is not None:
            self.require_at(source.site_id)
            return source.site_id, source
        if len(allowed) == 1:
            return allowed[0], None
        raise Invalid.at("/source", "required", "Name the source: you work at several sites.")


class ImportView(ApiView):
    """A view below `imports/{id}/`; the import is looked up first, then the role at its site."""

    object_first = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        found = Inbound.objects.select_related("source", "blob").filter(pk=kwargs["inbound"]).first()
        if found is None:
            raise NotFound("There is no such import.")
        self.inbound = found
        self.require_at(found.site_id)
        if not self.principal().at(found.site_id) & WHOLE and found.by != self.by():
            raise NotFound("There is no such import.")


class ImportDetail(ImportView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="imports_read")
    def get(self, request: Request, inbound: UUID) -> Response:
        body = selector.import_json(self.inbound, items=True)
        hidden = self.hides_at(self.inbound.site_id)
        return Response({**body, "items": [_unnoted(i) if hidden else i for i in body["items"]]})


class ImportItems(ImportView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="imports_items")
    def get(self, request: Request, inbound: UUID) -> Response:
        given = filters_of(request, ("disposition", "reason"), ordering=())
        rows = self.inbound.items.filter(**_told(given, disposition="disposition", reason="reason")).order_by(
            "number"
        )
        hidden = self.hides_at(self.inbound.site_id)
        return page_of(
            request, rows, lambda page: [_unnoted(i) if hidden else i for i in selector.item_rows(page)]
        )


class ImportErrors(ImportView):
    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR}, operation_id="imports_errors")
    def get(self, request: Request, inbound: UUID) -> Any:
        raw = not self.hides_at(self.inbound.site_id)
        text = "".join(selector.errors_csv(self.inbound, raw=raw))
        return _download([text.encode()], "errors.csv", "text/csv; charset=utf-8")


class ImportRaw(ImportView):
    @extend_schema(
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, operation_id="imports_raw"
    )
    def get(self, request: Request, inbound: UUID) -> Any:
        if self.inbound.blob is None:
            raise NotFound("The bytes of this import are not kept.")
        data = list(blobs.parts(self.inbound.blob))
        return _download(data, "import", "application/octet-stream")


def _download(parts: Any, name: str, kind: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(parts, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _mine(view: ApiView) -> Any:
    """Imports of the person's sites; an importer sees its own only."""
    rows = Inbound.objects.all()
    principal = view.principal()
    whole = [s for s in principal.sites() if principal.at(s) & WHOLE]
    return rows.filter(site__in=whole) | rows.filter(by=principal.username)


def _told(given: dict[str, str], **columns: str) -> dict[str, str]:
    return {column: given[name] for name, column in columns.items() if name in given}


def _unnoted(item: dict[str, Any]) -> dict[str, Any]:
    """An item without free text."""
    return {**item, "text": None}


def _options(request: Request) -> tuple[Sent, dict[str, Any]]:
    """File and options, from the query and the form. Raises Malformed for unknown names, Invalid for bad values."""
    body = dict(request.data) if isinstance(request.data, dict) else {}
    sent, parts = body.pop("file", None), body.pop("files", [])
    unknown = [n for n in {*request.query_params, *body, *parts} if n not in (*uploads.FIELDS, "file")]
    if unknown:
        known = ", ".join(("file", *uploads.FIELDS))
        raise Malformed.of(
            *(Fault(f"/{n}", "unknown-field", f"Known fields: {known}.") for n in sorted(unknown))
        )
    if sent is None and not request.content_type.startswith("multipart/"):
        sent = Sent("upload", io.BytesIO())
    if not isinstance(sent, Sent):
        raise Invalid.at("/file", "required", "Send the file as the part named file, or as the raw body.")
    told = {n: str(body.get(n) or request.query_params.get(n) or "").strip() for n in uploads.FIELDS}
    if any("\x00" in value for value in told.values()):
        raise Malformed.at("/", "nul", "NUL characters are not allowed.")
    told["format"] = told["format"] or "auto"
    _check(told)
    return sent, {**told, "dry_run": told["dry_run"].lower() in ("1", "true", "yes")}


def _check(told: dict[str, str]) -> None:
    faults = []
    if told["format"] not in ("auto", *files.FORMATS):
        faults.append(Fault("/format", "unknown", f"Give auto or one of {', '.join(files.FORMATS)}."))
    if told["dry_run"].lower() not in ("", "0", "1", "true", "false", "yes", "no"):
        faults.append(Fault("/dry_run", "unknown", "Give 1 or 0."))
    if told["mapping"] and not told["source"]:
        faults.append(Fault("/source", "required", "A table mapping belongs to a source: name it."))
    if faults:
        raise Invalid.of(*faults)


def _source(options: dict[str, Any], allowed: list[UUID]) -> Source | None:
    if not options["source"]:
        return None
    source = Source.objects.select_related("site").filter(code=options["source"]).first()
    if source is None:
        raise Invalid.at("/source", "unknown", "There is no such source at your sites.")
    if source.site_id not in allowed:
        raise Forbidden("Your role at this site does not allow this.")
    name = options["mapping"]
    if name and not TableMapping.objects.filter(source=source, name=name).exists():
        raise Invalid.at(
            "/mapping", "unknown", f"The source {source.code} has no table mapping of this name."
        )
    return source


def _sender(sent: Sent, allowed: list[UUID]) -> Source | None:
    """The source configured for the sender of the first message, where the file is HL7."""
    try:
        if files.sniffed(sent.stream) != "hl7v2":
            return None
        first = hl7.parse(next(hl7.messages(sent.stream)))
        return sender_of(allowed, *hl7_results.sender(first))
    except (Unreadable, StopIteration):
        return None
    finally:
        sent.stream.seek(0)
