"""`worklist/` and `alerts/`: what needs somebody, and the answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView
from patients.api.idempotency import idempotent
from patients.api.paging import filters_of, page_of
from patients.api.versions import etag, seen_version
from patients.errors import Forbidden, NotFound
from patients.services.shapes import Strict, checked
from workflow.api.hidden import CONTACT, TASK
from workflow.models import Act, Alert, SiteTask, TaskDue
from workflow.selectors import acts, lists
from workflow.selectors.site_tasks import Together, site_task_row, site_tasks
from workflow.services import alerts, shapes, undelivered, worklist

TASK_FILTERS = ("site", "state", "kind", "due_before", "assignee", "patient")
ALERT_FILTERS = ("site", "state", "patient", "rule")


def _parameters(*names: str) -> list[OpenApiParameter]:
    return [OpenApiParameter(name, str) for name in names]


class Worklist(ApiView):
    @extend_schema(
        parameters=_parameters(*TASK_FILTERS), responses=OpenApiTypes.OBJECT, operation_id="worklist_list"
    )
    def get(self, request: Request) -> Response:
        filters = filters_of(request, TASK_FILTERS, ordering=("due_on", "-due_on"))
        rows = Together(site_tasks(filters), lists.tasks(filters))
        return page_of(request, rows, self._seen)

    def _seen(self, page: Sequence[TaskDue | SiteTask]) -> list[dict[str, Any]]:
        return [self.seen_at(task.site_id, _task_row(task), TASK) for task in page]


class TaskView(ApiView):
    """A view below `worklist/{id}/`: the task is looked up, then the role at its site."""

    object_first = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.task = self.found(kwargs["task"])
        self.require_at(self.task.site_id)

    def found(self, pk: UUID) -> Any:
        return _one(TaskDue.objects.all(), pk, "task")


class TaskAct(TaskView):
    """`worklist/{id}/<act>/`: the act comes from the route. A task about no patient is completed or waived."""

    act = ""
    shape: type[Strict] = shapes.ReasonIn

    def found(self, pk: UUID) -> Any:
        return SiteTask.objects.filter(pk=pk).first() or super().found(pk)

    @extend_schema(request=shapes.ReasonIn, responses=OpenApiTypes.OBJECT)
    @idempotent
    def post(self, request: Request, task: UUID) -> Response:
        fields = checked(self.shape, request.data)
        if isinstance(self.task, SiteTask):
            ended = undelivered.end(task=task, act=self.act, reason=fields.get("reason", ""), by=self.by())
            return Response(_task_row(ended))
        verb = getattr(worklist, self.act)
        verb(patient=self.task.patient_id, key=self.task.key, by=self.by(), **fields)
        return Response(lists.task_rows([_one(TaskDue.objects.all(), task, "task")])[0])


class CompleteTask(TaskAct):
    act = "complete"


class WaiveTask(TaskAct):
    act = "waive"


class MissTask(TaskAct):
    act = "miss"


@extend_schema_view(post=extend_schema(request=shapes.SnoozeIn))
class SnoozeTask(TaskAct):
    act = "snooze"
    shape = shapes.SnoozeIn


@extend_schema_view(post=extend_schema(request=shapes.AssignIn))
class AssignTask(TaskAct):
    act = "assign"
    shape = shapes.AssignIn


class TaskContacts(TaskView):
    """`worklist/{id}/contacts/`: who was contacted about the task, newest first."""

    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="task_contacts_list")
    def get(self, request: Request, task: UUID) -> Response:
        rows = acts.contacts(self.task.patient_id, self.task.key)
        return page_of(request, rows, lambda page: [self._seen(act) for act in page])

    @extend_schema(
        request=shapes.ContactIn, responses={201: OpenApiTypes.OBJECT}, operation_id="task_contacts_create"
    )
    @idempotent
    def post(self, request: Request, task: UUID) -> Response:
        contact = checked(shapes.ContactIn, request.data)
        act = worklist.contact(patient=self.task.patient_id, key=self.task.key, contact=contact, by=self.by())
        return Response(self._seen(act), status=201)

    def _seen(self, act: Act) -> dict[str, Any]:
        return self.seen_at(self.task.site_id, acts.contact_json(act), CONTACT)


class Alerts(ApiView):
    @extend_schema(
        parameters=_parameters(*ALERT_FILTERS), responses=OpenApiTypes.OBJECT, operation_id="alerts_list"
    )
    def get(self, request: Request) -> Response:
        rows = lists.alerts(filters_of(request, ALERT_FILTERS, ordering=("raised_on", "-raised_on")))
        return page_of(request, rows, lists.alert_rows)


class Acknowledge(ApiView):
    object_first = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.alert = _one(Alert.objects.all(), kwargs["alert"], "alert")
        self.require_at(self.alert.site_id)

    @extend_schema(
        request=shapes.AcknowledgeIn, responses=OpenApiTypes.OBJECT, operation_id="alerts_acknowledge"
    )
    @idempotent
    def post(self, request: Request, alert: UUID) -> Response:
        fields = checked(shapes.AcknowledgeIn, request.data)
        if fields.get("episode_over") and "clinician" not in self.principal().at(self.alert.site_id):
            raise Forbidden("Only a clinician may say that an episode is over.")
        patient, seen = self.alert.patient_id, seen_version(request)
        alerts.acknowledge(
            patient=patient, alert=alert, by=self.by(), expected=seen, **{"note": "", **fields}
        )
        body = lists.alert_rows([_one(Alert.objects.all(), alert, "alert")])[0]
        return etag(Response(body), len(alerts.answers(patient, alert)))


def _task_row(task: TaskDue | SiteTask) -> dict[str, Any]:
    return site_task_row(task) if isinstance(task, SiteTask) else lists.task_rows([task])[0]


def _one(rows: QuerySet[Any], pk: UUID, noun: str) -> Any:
    found = rows.select_related("patient", "site").filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no such {noun}.")
    return found
