"""Read and search of FHIR R4 resources, and the statement of what is served."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.urls import reverse
from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView
from patients.errors import DomainError, NotFound
from patients.models import Result
from workflow.api.fhir import asked as reading
from workflow.api.fhir import bundle
from workflow.api.fhir.asked import Asked
from workflow.api.fhir.exact_json import FhirJson, PlainJson
from workflow.api.fhir.kinds import KINDS, Kind
from workflow.api.fhir.negotiation import FhirNegotiation
from workflow.api.fhir.outcome import of_problem
from workflow.selectors import fhir


class Gone(DomainError):
    status = 410
    code = "gone"
    title = "This was replaced"


Given = Mapping[str, Sequence[str]]


class FhirView(ApiView):
    """Answers in FHIR's JSON, errors too. Not part of the OpenAPI document: `metadata` describes it."""

    schema = None
    renderer_classes = [FhirJson, PlainJson]
    parser_classes = [FormParser]
    content_negotiation_class = FhirNegotiation
    http_method_names = ["get", "head", "post"]
    kind: Kind = KINDS[0]

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, SuspiciousOperation):
            error = ParseError("There are too many parameters.")
        response = super().handle_exception(error)
        response.data = of_problem(response.data)
        response.content_type = None
        return response

    def base(self) -> str:
        """The absolute address of the façade, as the client reached it."""
        return self.request.build_absolute_uri(reverse("fhir:metadata")).removesuffix("metadata")

    def own_sites(self) -> list[UUID]:
        """Sites at which the person's role may read these resources."""
        roles = self.principal().roles
        return [site for site in roles if self.principal().at(site) & self.allowed()]

    def log_about(self, rows: Sequence[Any]) -> None:
        """Names the patient in the read log, when all rows are about one."""
        people = {getattr(row, "patient_id", row.pk) for row in rows}
        if len(people) == 1:
            self.request._request.read_subject = people.pop()  # type: ignore[attr-defined]


class _Searching(FhirView):
    def read(self, given: Given, refused: frozenset[str] = frozenset()) -> Asked:
        strict = "handling=strict" in self.request.headers.get("Prefer", "").replace(" ", "").lower()
        return reading.read(given, self.kind.parameters, refused=refused, strict=strict)

    def found(self, asked: Asked, *, sealed: bool) -> Response:
        """One page. The links of a `sealed` search show nothing of what was asked."""
        name, base = self.kind.name, self.base()
        count = 0 if asked.summary else asked.count
        page = fhir.page(self.kind.streams, asked.pairs, self.own_sites(), after=asked.after, count=count)
        link = partial(bundle.sealed_link, base + name, name, asked)
        links = {"self": link(asked.after) if sealed else bundle.open_link(base + name, asked)}
        if page.after:
            links["next"] = link(page.after)
        self.log_about(page.rows)
        return Response(bundle.searchset(base, name, self.kind.shown(page.rows), page.total, links))


class Search(_Searching):
    """`GET [type]?…`: a page of what is found in the person's own sites."""

    def get(self, request: Request) -> Response:
        given = dict(request.query_params.lists())
        if "_cursor" in given:
            return self.found(bundle.unsealed(self.kind.name, given["_cursor"][-1]), sealed=True)
        return self.found(self.read(given, self.kind.private), sealed=False)


class FormSearch(_Searching):
    """`POST [type]/_search`: the same with a form, in which names may stand."""

    def post(self, request: Request) -> Response:
        in_address = dict(request.query_params.lists())
        self.read(in_address, self.kind.private)
        posted: Any = request.data
        form = dict(posted.lists()) if posted else {}
        return self.found(self.read(in_address | form), sealed=True)


class Read(FhirView):
    """`GET [type]/[id]`: one resource; what the person cannot see is not found."""

    object_first = True

    def get(self, request: Request, pk: UUID) -> Response:
        row = fhir.one(self.kind.streams, pk)
        if row is None:
            return self.elsewhere(pk)
        self.require_at(row.site_id)
        self.log_about([row])
        resource = self.kind.shown([row])[0]
        headers = {"ETag": f'W/"{version}"'} if (version := resource.get("meta", {}).get("versionId")) else {}
        return Response(resource, headers=headers)

    def elsewhere(self, pk: UUID) -> Response:
        """A version's id leads to its result; that of a corrected fact says what took its place."""
        name, row = self.kind.name, self.kind.successor(pk)
        if row is None:
            raise NotFound(f"There is no such {name}.")
        self.require_at(row.site_id)
        if isinstance(row, Result):
            return Response(status=301, headers={"Location": f"{self.base()}{name}/{row.lineage}"})
        raise Gone(f"This was corrected; see {name}/{row.pk}.")
