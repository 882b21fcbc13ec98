"""`metadata`: what the façade serves, as a CapabilityStatement."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from workflow.api.fhir.kinds import KINDS, Kind
from workflow.api.fhir.views import FhirView

Resource = dict[str, Any]
DATE = "2026-11-24"
TYPES = {
    "_id": "token",
    "_lastUpdated": "date",
    "identifier": "token",
    "family": "string",
    "given": "string",
    "name": "string",
    "birthdate": "date",
    "patient": "reference",
    "subject": "reference",
    "code": "token",
    "category": "token",
    "status": "token",
    "date": "date",
    "effective-time": "date",
}
BY_FORM = "By POST _search only, so that nothing personal stands in an address."


class Metadata(FhirView):
    def get(self, request: Request) -> Response:
        return Response(capability(self.base()))


def capability(base: str) -> Resource:
    """The statement of this installation, which stands at `base`."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": DATE,
        "kind": "instance",
        "software": {"name": "Daymark"},
        "implementation": {"description": "Daymark, read only", "url": base.rstrip("/")},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "Authorization: Bearer TOKEN, with the roles of its user."},
                "resource": [_resource(kind) for kind in KINDS],
            }
        ],
    }


def _resource(kind: Kind) -> Resource:
    return {
        "type": kind.name,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "searchParam": [_parameter(name, kind) for name in sorted(kind.parameters)],
    }


def _parameter(name: str, kind: Kind) -> Resource:
    body = {"name": name, "type": TYPES[name]}
    return body | ({"documentation": BY_FORM} if name in kind.private else {})
