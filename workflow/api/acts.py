"""Plan, infusion, steroid courses, pins: what people decide about one patient."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from patients.api.base import ApiView, PatientView, visible_patient
from patients.api.idempotency import idempotent
from patients.api.paging import page_of
from patients.api.versions import etag, expected_version, seen_version
from patients.errors import NotFound
from patients.models import Patient
from patients.services.shapes import checked
from workflow.api.hidden import COURSE
from workflow.rules import bridging as rules
from workflow.selectors import shown
from workflow.selectors.acts import patient_of
from workflow.selectors.decisions import decided, local_date
from workflow.selectors.facts import history
from workflow.selectors.pins import pin_changes
from workflow.selectors.plan import preview
from workflow.services import acts, bridging, pathways, plan, shapes, steroids


class PlanPreview(PatientView):
    @extend_schema(request=shapes.PlanIn, responses=OpenApiTypes.OBJECT, operation_id="plan_preview")
    def post(self, request: Request, patient: UUID) -> Response:
        on = checked(shapes.PlanIn, request.data)["infusion_on"]
        today = local_date(timezone.now(), self.patient.site.timezone)
        return Response(preview(patient, infusion_on=on, today=today))


class Plan(PatientView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="plan_retrieve")
    def get(self, request: Request, patient: UUID) -> Response:
        return self._shown(patient)

    @extend_schema(request=shapes.PlanIn, responses=OpenApiTypes.OBJECT, operation_id="plan_book")
    def put(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.PlanIn, request.data)
        plan.book(patient=patient, expected=seen_version(request), by=self.by(), **fields)
        return self._shown(patient)

    @extend_schema(responses={204: None}, operation_id="plan_cancel")
    def delete(self, request: Request, patient: UUID) -> Response:
        plan.cancel(patient=patient, expected=seen_version(request), by=self.by())
        return Response(status=204)

    def _shown(self, patient: UUID) -> Response:
        known = plan.plans(patient)
        on = known[-1].payload["infusion_on"] if known else None
        result = decided(history(patient), as_of=local_date(timezone.now(), self.patient.site.timezone))
        body = {
            "infusion_on": on,
            "ready": result.decision.ready,
            "blocked_by": list(result.decision.blocked_by),
            "dose": shown.dose_json(result.decision.dose),
        }
        return etag(Response(body), len(known))


class SteroidCourses(PatientView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="steroid_courses_list")
    def get(self, request: Request, patient: UUID) -> Response:
        site = self.patient.site_id
        return page_of(
            request, _courses(self.patient), lambda page: [self.seen_at(site, c, COURSE) for c in page]
        )

    @extend_schema(
        request=shapes.SteroidCourseIn,
        responses={201: OpenApiTypes.OBJECT},
        operation_id="steroid_courses_create",
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.SteroidCourseIn, request.data)
        course = steroids.start(patient=patient, fields=fields, by=self.by())
        return etag(Response(_course(self.patient, course), status=201), 1)


class CourseView(ApiView):
    """A view below `steroid-courses/{id}/`: the course's patient is looked up, then the role at its site."""

    object_first = True

    def initial(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        owner = patient_of("steroid", str(kwargs["course"]))
        if owner is None:
            raise NotFound("There is no such steroid course.")
        self.patient = visible_patient(owner)
        self.require_at(self.patient.site_id)


class SteroidCourse(CourseView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="steroid_courses_retrieve")
    def get(self, request: Request, course: UUID) -> Response:
        version = len(acts.on_key(self.patient.pk, "steroid", str(course)))
        body = self.seen_at(self.patient.site_id, _course(self.patient, str(course)), COURSE)
        return etag(Response(body), version)

    @extend_schema(
        request=shapes.SteroidChangeIn, responses=OpenApiTypes.OBJECT, operation_id="steroid_courses_change"
    )
    def patch(self, request: Request, course: UUID) -> Response:
        fields = checked(shapes.SteroidChangeIn, request.data)
        expected = expected_version(request)
        steroids.change(
            patient=self.patient.pk, course=str(course), fields=fields, expected=expected, by=self.by()
        )
        return etag(Response(_course(self.patient, str(course))), expected + 1)


class SteroidDoses(CourseView):
    @extend_schema(
        request=shapes.DoseIn, responses={201: OpenApiTypes.OBJECT}, operation_id="steroid_doses_create"
    )
    @idempotent
    def post(self, request: Request, course: UUID) -> Response:
        fields = checked(shapes.DoseIn, request.data)
        steroids.dose(
            patient=self.patient.pk, course=str(course), on=fields["on"], mg=fields["mg"], by=self.by()
        )
        return Response(_course(self.patient, str(course)), status=201)


def _courses(patient: Patient) -> list[dict[str, Any]]:
    today = local_date(timezone.now(), patient.site.timezone)
    return [shown.course_json(c) for c in decided(history(patient.pk), as_of=today).decision.courses]


def _course(patient: Patient, course: str) -> dict[str, Any]:
    """The course as decided today; one that starts later is shown as planned."""
    found = [c for c in _courses(patient) if c["id"] == course]
    if found:
        return found[0]
    payload = acts.on_key(patient.pk, "steroid", course)[-1].payload
    return {"id": course, **payload, "state": "planned"}


class ProphylaxisStop(PatientView):
    @extend_schema(
        request=shapes.StopIn, responses={201: OpenApiTypes.OBJECT}, operation_id="prophylaxis_stop"
    )
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        bridging.stop(patient=patient, fields=checked(shapes.StopIn, request.data), by=self.by())
        today = local_date(timezone.now(), self.patient.site.timezone)
        result = decided(history(patient), as_of=today)
        state = rules.bridging(result.protocol, result.facts, today)
        return Response(shown.bridging_json(state), status=201)


class PinsPreview(PatientView):
    @extend_schema(request=shapes.PinIn, responses=OpenApiTypes.OBJECT, operation_id="pins_preview")
    def post(self, request: Request, patient: UUID) -> Response:
        asked = request.data
        fields = checked(shapes.PinIn, {"reason": "preview", **asked} if isinstance(asked, dict) else asked)
        today = local_date(timezone.now(), self.patient.site.timezone)
        pins = pathways.new_pins(patient, fields, today=today)
        return Response(pin_changes(patient, pins, today=today))


class Pins(PatientView):
    @extend_schema(request=shapes.PinIn, responses=OpenApiTypes.OBJECT, operation_id="pins_move")
    @idempotent
    def post(self, request: Request, patient: UUID) -> Response:
        fields = checked(shapes.PinIn, request.data)
        return Response(pathways.move_pins(patient=patient, fields=fields, by=self.by()))
