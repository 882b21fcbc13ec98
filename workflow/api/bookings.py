"""`patients/{id}/bookings/` and `worklist/{id}/book/`: dates of follow-ups, beside their targets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import PatientView
from patients.api.idempotency import idempotent
from patients.api.paging import page_of
from patients.api.versions import etag, seen_version
from patients.services.shapes import checked
from workflow.api.hidden import TASK
from workflow.api.worklist import TaskAct
from workflow.models import TaskDue
from workflow.selectors import bookings as selector
from workflow.selectors import lists
from workflow.selectors.decisions import local_date
from workflow.services import bookings, shapes


class Bookings(PatientView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="bookings_list")
    def get(self, request: Request, patient: UUID) -> Response:
        site = self.patient.site_id
        return page_of(request, self._rows(), lambda page: [self.seen_at(site, r, TASK) for r in page])

    @extend_schema(request=shapes.BookingIn, responses=OpenApiTypes.OBJECT, operation_id="bookings_book")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.BookingIn, request.data)
        bookings.book(patient=patient, by=self.by(), expected=seen_version(request), **fields)
        body = {"results": self._rows()}
        return etag(Response(body), len(bookings.of_task(patient, fields["key"])))

    def _rows(self) -> list[dict[str, Any]]:
        return selector.rows(self.patient.pk, today=local_date(timezone.now(), self.patient.site.timezone))


class BookTask(TaskAct):
    @extend_schema(request=shapes.BookIn, responses=OpenApiTypes.OBJECT, operation_id="task_book")
    @idempotent
    def post(self, request: Request, task: UUID) -> Response:
        fields = checked(shapes.BookIn, request.data)
        patient, key = self.task.patient_id, self.task.key
        bookings.book(patient=patient, key=key, by=self.by(), expected=seen_version(request), **fields)
        row = TaskDue.objects.select_related("site").get(pk=task)
        return etag(Response(lists.task_rows([row])[0]), len(bookings.of_task(patient, key)))
