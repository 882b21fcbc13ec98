"""Voiding an infusion that was recorded in error: one clinician asks, another one confirms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from patients.access import staff_at
from patients.admin.second import refusal
from patients.errors import DomainError, Fault, Invalid
from patients.models import Patient, User
from patients.services.shapes import checked
from workflow.admin.forms import Field
from workflow.admin.frame import faults_of, page, visible
from workflow.admin.intake_frame import by_field, shown, summary
from workflow.rules.facts import Act, InfusionFact, PatientFacts, known
from workflow.selectors.decisions import local_date
from workflow.selectors.facts import history
from workflow.services import voids
from workflow.services.shapes import VoidIn

CLINICIAN = frozenset({"clinician"})
REASON = Field("reason", "Why the record is wrong", "area", "One sentence; it is kept in the history.")
SECOND = Field("second_person", "Second clinician", "select")
PASSWORD = Field("password", "That clinician’s own password", "password")
MISSING = {"/reason": "Enter why the record is wrong."}
LATER = "Leave it empty to let that clinician, or any other one, confirm by an own sign-in."
DONE = "The infusion is void: it counts no more, for any date, and stays in the history."


def void_page(request: HttpRequest, patient: Any) -> HttpResponse:
    """The state of a void and the next step of it, for clinicians."""
    row = visible(request, patient, CLINICIAN)
    facts = known(history(row.pk), as_of=local_date(timezone.now(), row.site.timezone))
    if facts.infusion is None:
        messages.error(request, "No infusion is recorded.")
        return redirect("admin:patient", row.pk)
    asked = request_of(facts, facts.infusion)
    if request.method != "POST":
        return _shown(request, row, facts.infusion, asked)
    try:
        told = _asked(request, row) if asked is None else _confirmed(request, row, asked)
    except DomainError as error:
        return _shown(request, row, facts.infusion, asked, faults_of(error), error.status)
    messages.success(request, told)
    return redirect("admin:patient", row.pk)


def request_of(facts: PatientFacts, infusion: InfusionFact) -> Act | None:
    """Who asked for the void of this infusion; None when nobody did."""
    return facts.last_act("void-request", str(infusion.id))


def _asked(request: HttpRequest, row: Patient) -> str:
    password = request.POST.get("password", "")
    faults: list[Fault] = []
    fields: dict[str, Any] = {}
    posted = {n: v for n in ("reason", "second_person") if (v := request.POST.get(n, "").strip())}
    try:
        fields = checked(VoidIn, {"reason": "", **posted})
    except Invalid as error:
        faults += [replace(f, detail=MISSING.get(f.pointer, f.detail)) for f in error.faults]
    if password:
        faults += _password_faults(request, row)
    if faults:
        raise Invalid.of(*faults)
    voids.ask(patient=row.pk, fields=fields, by=request.user.get_username(), present=bool(password))
    return DONE if password else "The void is asked for. Nothing changes until another clinician confirms it."


def _confirmed(request: HttpRequest, row: Patient, asked: Act) -> str:
    """By the own sign-in of another clinician; the one who asked needs that person’s password."""
    by = request.user.get_username()
    if by == asked.by:
        faults = _password_faults(request, row)
        if faults:
            raise Invalid.of(*faults)
        by = request.POST["second_person"]
    voids.confirm(patient=row.pk, by=by)
    return DONE


def _password_faults(request: HttpRequest, row: Patient) -> list[Fault]:
    """What is missing of the second person, who is one of the list and gives the own password."""
    password = request.POST.get("password", "")
    person = _people(request, row).get(request.POST.get("second_person", ""))
    faults = [] if person else [Fault("/second_person", "required", "Choose the second clinician.")]
    if not password:
        faults.append(Fault("/password", "required", "The second clinician must enter the own password."))
    wrong = refusal(request, person, password) if person and password else ""
    return [*faults, Fault("/password", "password", wrong)] if wrong else faults


def _people(request: HttpRequest, row: Patient) -> dict[str, User]:
    today = local_date(timezone.now(), row.site.timezone)
    team = staff_at(row.site_id, tuple(CLINICIAN), today=today)
    return {p.username: p for p in team if p.pk != request.user.pk}


def _shown(
    request: HttpRequest,
    row: Patient,
    infusion: InfusionFact,
    asked: Act | None,
    faults: Iterable[Fault] = (),
    status: int = 200,
) -> HttpResponse:
    told = list(faults)
    fields = _fields(request, row, asked)
    values = {n: request.POST.get(n, "") for n in ("reason", "second_person")}
    named = asked.payload.get("second_person", "") if asked else ""
    return page(
        request,
        "outcomes/void.html",
        f"Void the infusion, {row.code}",
        status,
        patient=row,
        infusion=infusion,
        asked=asked,
        named=named,
        mine=asked is not None and asked.by == request.user.get_username(),
        waits=bool(named) and request.user.get_username() not in (named, asked.by if asked else ""),
        fields=shown(fields, values, by_field(told)),
        faults=summary(told, [f.name for f in fields]),
    )


def _fields(request: HttpRequest, row: Patient, asked: Act | None) -> list[Field]:
    """To ask: the reason, and whoever stands by. To confirm: nothing, or whoever stands by the one who asked."""
    if asked is not None and asked.by != request.user.get_username():
        return []
    named = asked.payload.get("second_person", "") if asked else ""
    people = [named] if named else list(_people(request, row))
    second = replace(SECOND, choices=[(name, name) for name in people], optional=asked is None)
    if asked is not None:
        return [second, PASSWORD]
    return [REASON, replace(second, choices=[("", "Any other clinician"), *second.options]),
            replace(PASSWORD, hint=LATER, optional=True)]  # fmt: skip
