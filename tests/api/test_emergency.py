"""Emergency access: one record of another centre for an hour, told and reviewed; and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import DatabaseError, connection, transaction
from django.test import Client as Browser
from django.urls import reverse

from outcomes.services import cohort
from patients import access, db, matrix
from patients.models import Denial, Patient, PatientAccess, ReadLog, Result, User
from patients.selectors.audit import audit_drift
from patients.services import seals
from tests.api.conftest import NOW, V1, World, client_of, ok, pointers, problem
from tests.factories.people import PatientFactory, make_staff
from workflow import data
from workflow.models import Notice, TaskDue
from workflow.services import custody, emergency, notices, sweep

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
WHY = "bleeding, unconscious, brought by ambulance"


@pytest.fixture
def patient(world: World) -> Patient:
    found: Patient = PatientFactory(site=world.north)
    return found


@pytest.fixture
def told_of(world: World) -> Patient:
    """A patient with something of everything."""
    return Patient.objects.get(pk=world.told(cohort.alert_open, "N-1", contract="sample-level"))


def named(patient: Patient, **changes: Any) -> dict[str, Any]:
    """What the clinician at south knows of the patient."""
    told = {"site": "north", "mrn": patient.mrn, "birth_date": str(patient.birth_date), "reason": WHY}
    return {k: v for k, v in (told | changes).items() if v is not ...}


def opened(world: World, patient: Patient, **changes: Any) -> dict[str, Any]:
    answer = world.api("clinician", "south").post(f"{V1}emergencies/", named(patient, **changes))
    found: dict[str, Any] = ok(answer, 201)
    return found


def record(patient: Patient) -> str:
    return f"{V1}patients/{patient.pk}/"


def readable() -> Iterator[str]:
    """Names of the routes that emergency access may read."""
    return (name for name, row in matrix.rows().items() if matrix.EMERGENCY in row.get("GET", ()))


def test_one_record_is_read_as_its_own_centre_reads_it(world: World, told_of: Patient) -> None:
    patient = told_of
    ana, sol = world.api("coordinator"), world.api("clinician", "south")
    addresses = [reverse(n, kwargs={"patient": patient.pk}) for n in readable() if n.startswith("api:")]
    assert len(addresses) > 12
    assert {sol.get(a).status_code for a in addresses} == {404}
    told = opened(world, patient)
    assert (told["patient"], told["code"], told["live"]) == (str(patient.pk), patient.code, True)
    assert (told["by"], told["place"], told["reason"]) == ("clinician-south", "Centre South", WHY)
    for address in addresses:
        ours, theirs = sol.get(address), ana.get(address)
        assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content), address
    assert ok(sol.get(f"{record(patient)}status/"))["milestones"], "the story has what could be missing"


@pytest.mark.parametrize("after", [HOUR - SECOND, HOUR])
def test_the_hour_ends_by_the_clock(world: World, patient: Patient, after: timedelta) -> None:
    opened(world, patient)
    with time_machine.travel(NOW + after, tick=False):
        answer = world.api("clinician", "south").get(record(patient))
    assert answer.status_code == (200 if after < HOUR else 404)


def test_it_can_be_ended_early_by_either_side(world: World, patient: Patient) -> None:
    sol, adam = world.api("clinician", "south"), world.api("site_admin")
    for ends in (sol, adam):
        told = opened(world, patient)
        assert sol.get(record(patient)).status_code == 200
        address = f"{V1}emergencies/{told['id']}/end/"
        assert world.api("site_admin", "south").post(address).status_code == 404
        assert world.api("coordinator").post(address).status_code == 403
        assert ok(ends.post(address))["live"] is False
        assert sol.get(record(patient)).status_code == 404
        assert ends.post(address).status_code == 409


def test_opening_it_twice_is_one_access_and_another_person_has_none(world: World, patient: Patient) -> None:
    first = opened(world, patient)
    assert opened(world, patient, site=..., mrn=..., code=patient.code)["id"] == first["id"]
    assert Notice.objects.filter(kind="emergency_access").count() == len(
        {"clinician", "site_admin"} & roles(world)
    )
    for role in ("coordinator", "site_admin", "auditor", "lab_importer"):
        assert world.api(role, "south").get(record(patient)).status_code == 404, role
        assert world.api(role, "south").post(f"{V1}emergencies/", named(patient)).status_code == 403, role
    make_staff(world.south, "clinician", "sam")
    sam = make_client(world, "sam")
    assert sam.get(record(patient)).status_code == 404


def roles(world: World) -> set[str]:
    return {role for role, site in world.staff if site == "north"}


def make_client(world: World, username: str) -> Any:
    return client_of(User.objects.get(username=username))


WRONG = [
    {"mrn": "nobody"},
    {"birth_date": "1901-01-01"},
    {"site": "nowhere"},
    {"site": "south"},
    {"site": ..., "mrn": ..., "code": "north-0099"},
    {"site": ..., "mrn": ..., "code": "NORTH-0001"},
]


def test_what_does_not_fit_is_one_answer_logged_and_soon_refused(world: World, patient: Patient) -> None:
    sol, address = world.api("clinician", "south"), f"{V1}emergencies/"
    told = [problem(sol.post(address, named(patient, **w)), 404) for w in WRONG[:5]]
    assert all(t == told[0] for t in told)
    assert Denial.objects.filter(kind="missing", route="api:emergencies", subject="").count() == 5
    assert sol.post(address, named(patient)).status_code == 429, "not even what fits"
    assert sol.post(address, named(patient))["Retry-After"] == "900"
    with time_machine.travel(NOW + timedelta(minutes=15), tick=False):
        assert problem(sol.post(address, named(patient, **WRONG[5])), 404) == told[0]
        assert ok(sol.post(address, named(patient)), 201)["live"]
    assert not PatientAccess.objects.exclude(person=world.user("clinician", "south")).exists()


def test_a_request_must_say_whom_and_why(world: World, patient: Patient) -> None:
    sol, address = world.api("clinician", "south"), f"{V1}emergencies/"
    assert pointers(sol.post(address, {})) == {"/reason", "/birth_date"}
    assert pointers(sol.post(address, named(patient, reason=" "))) == {"/reason"}
    assert pointers(sol.post(address, named(patient, mrn=...))) == {"/code"}
    assert pointers(sol.post(address, named(patient, code=patient.code))) == {"/code"}
    assert pointers(sol.post(address, named(patient, from_site="north"))) == {"/from_site"}
    assert world.api("clinician").post(address, named(patient)).status_code == 404, (
        "one's own is no emergency"
    )


def test_nothing_can_be_written(world: World, told_of: Patient) -> None:
    """Every address about a patient or something of it, by every verb that writes, and by SQL alone."""
    patient = told_of
    told = opened(world, patient)
    sol, task = world.api("clinician", "south"), TaskDue.objects.filter(patient=patient)[0].pk
    things = {"patient": patient.pk, "task": task, "result": Result.objects.filter(patient=patient)[0].pk}
    rows = matrix.rows()
    asked = 0
    for pattern in api_patterns():
        names = set(pattern.pattern.converters)
        if not names or not names <= set(things):
            continue
        address = reverse(f"api:{pattern.name}", kwargs={n: things[n] for n in names})
        for verb in set(rows[f"api:{pattern.name}"]) - {"GET"}:
            answer = getattr(sol, verb.lower())(address, {"reason": "x"})
            assert answer.status_code == 404, (verb, address, answer.content)
            asked += 1
    assert asked > 35
    with transaction.atomic():
        enter(told["id"], world)
        assert Result.objects.filter(patient=patient).exists()
        for statement in (
            "update patients_patient set family_name = 'x'",
            "update workflow_pathway set phase = 'closed'",
            "delete from workflow_taskdue",
        ):
            with connection.cursor() as cursor:
                cursor.execute(statement)
                assert cursor.rowcount == 0, statement
        for statement in (
            "delete from patients_patientaccess",
            "update patients_patientaccess set to_at = to_at + '1 h'",
        ):
            with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)
        transaction.set_rollback(True)


def api_patterns() -> list[Any]:
    from outcomes.api.routes import routes as more
    from workflow.api.routes import routes

    return [*routes, *more]


def enter(emergency_id: str, world: World, moment: Any = NOW) -> None:
    """The context of south's people with an access in it, put there by SQL alone."""
    access._put(access.Context(str(world.south.pk), shared=str(emergency_id), moment=moment.isoformat()))


def test_the_database_itself_opens_this_record_and_no_other_row(world: World, told_of: Patient) -> None:
    patient = told_of
    other = PatientFactory(site=world.north)
    told = opened(world, patient)
    tables = [m for m in db.tenant_tables() if m._meta.label_lower != "patients.patientaccess"]

    def seen() -> dict[str, set[Any]]:
        found = {}
        for model in tables:
            column = (
                "id"
                if model is Patient
                else "patient_id"
                if db._has(model, "patient")
                else db._site_column(model)
            )
            with connection.cursor() as cursor:
                cursor.execute(
                    f'select distinct "{column}" from "{model._meta.db_table}" where {db._site_column(model)} = %s',
                    [world.north.pk],
                )
                found[model._meta.label_lower] = {row[0] for row in cursor.fetchall()}
        return {label: ids for label, ids in found.items() if ids}

    def at(moment: Any, shared: str = told["id"]) -> dict[str, set[Any]]:
        with transaction.atomic():
            enter(shared, world, moment)
            found = seen()
            transaction.set_rollback(True)
        return found

    during = at(NOW + HOUR - SECOND)
    about = {
        label: ids for label, ids in during.items() if label not in ("patients.site", "patients.sitesetting")
    }
    assert len(about) > 12 and all(ids == {patient.pk} for ids in about.values()), about
    assert not [
        label for label in during if label.endswith("sealedevent") or "notice" in label or "inbound" in label
    ]
    assert (
        at(NOW + HOUR)
        == at(NOW - SECOND)
        == at(NOW, "")
        == at(NOW, str(other.pk))
        == at(NOW, str(patient.pk))
        == {}
    )
    emergency.end(
        access=UUID(told["id"]), who=access.principal_of(world.user("clinician", "south")), at=NOW + SECOND
    )
    assert at(NOW + 2 * SECOND) == {}


def test_no_list_no_search_and_no_count_shows_it(world: World, told_of: Patient) -> None:
    patient = told_of
    sol, browser = world.api("clinician", "south"), Browser()
    browser.force_login(world.user("clinician", "south"))
    lists = (
        "patients",
        "worklist",
        "alerts",
        "quarantine",
        "imports",
        "overrides",
        "audit-reads",
        "audit-events",
        "figures",
    )
    pages = (
        "today",
        "patients",
        "cohort",
        "milestones",
        "desk",
        "lab-entry",
        "audit",
        "audit-reads",
        "imports",
    )
    secrets = (str(patient.pk), patient.code, patient.family_name, patient.mrn)

    def shown() -> list[Any]:
        told = [sol.get(reverse(f"api:{n}")).content.decode() for n in lists]
        told += [sol.get("/fhir/R4/Patient").content.decode()]
        return told + [browser.get(reverse(f"admin:{n}")).content.decode() for n in pages]

    opened(world, patient)
    assert (
        sol.get(record(patient)).status_code
        == browser.get(f"/admin/patients/{patient.pk}/").status_code
        == 200
    )
    own = shown()
    assert str(patient.pk) in own[lists.index("audit-reads")], "one's own readings"
    own[lists.index("audit-reads")] = own[lists.index("audit-reads")].replace(str(patient.pk), "")
    for text in own:
        assert not [s for s in secrets if s in text], text[:300]
    assert sol.get(f"/fhir/R4/Patient/{patient.pk}").status_code == 404
    for name in ("packet", "claim", "planner", "infusion", "results", "void", "patient-reads"):
        answer = browser.get(reverse(f"admin:{name}", kwargs={"patient": patient.pk}))
        assert answer.status_code in (403, 404), name


def test_each_reading_names_the_access_and_the_centre_sees_who(world: World, patient: Patient) -> None:
    sol, adam = world.api("clinician", "south"), world.api("site_admin")
    told = opened(world, patient)
    ok(sol.get(f"{record(patient)}status/")), ok(world.api("coordinator").get(f"{record(patient)}status/"))
    ok(sol.get(f"{V1}patients/"))
    rows = ReadLog.objects.filter(patients__contains=[patient.pk], route="api:status").order_by("id")
    assert list(rows.values_list("emergency", "user_id")) == [
        (UUID(told["id"]), world.user("clinician", "south").pk), (None, world.user("coordinator").pk),
    ]  # fmt: skip
    assert ReadLog.objects.get(route="api:patients").emergency is None
    who = {row["by"]: row for row in ok(adam.get(f"{record(patient)}reads/"))["results"]}
    assert (who["clinician-south"]["emergency"], who["coordinator-north"]["emergency"]) == (1, 0)
    (read,) = [
        r
        for r in ok(adam.get(f"{V1}audit/reads/?patient={patient.pk}"))["results"]
        if r["by"] == "clinician-south"
    ]
    assert read["emergency"] == told["id"]
    assert [r["change"] for r in ok(adam.get(f"{V1}audit/events/?table=patientaccess"))["results"]] == [
        "insert"
    ]
    seals.seal(at=NOW), seals.seal(at=NOW + SECOND)
    assert list(audit_drift()) == []


def test_the_custodian_is_told_within_a_minute_without_patient_data(
    world: World, patient: Patient, mailoutbox: list[Any]
) -> None:
    told = {world.user(role).email for role in ("clinician", "site_admin")}
    world.user("coordinator"), world.user("auditor")
    access_id = opened(world, patient)["id"]
    assert notices.send(at=NOW + SECOND, kind="emergency_access").sent == 2
    mails = [m for m in mailoutbox if "Emergency" in m.subject]
    assert {a for m in mails for a in m.to} == told
    secrets = (
        patient.code,
        patient.mrn,
        patient.family_name,
        WHY,
        "south",
        "South",
        str(patient.birth_date),
        str(patient.pk),
    )
    for mail in mails:
        text = mail.subject + mail.body + mail.alternatives[0][0]
        assert "1 record of north" in text and access_id not in text
        assert not [s for s in secrets if s in text]
    browser = Browser()
    browser.force_login(world.user("site_admin"))
    notice = Notice.objects.filter(kind="emergency_access", recipient=world.user("site_admin")).get()
    assert browser.get(f"/admin/notice/{notice.pk}/")["Location"] == "/admin/emergency-reviews/"


def test_the_centre_reviews_it_once_with_words(world: World, patient: Patient) -> None:
    told = opened(world, patient)
    address = f"{V1}emergencies/{told['id']}/review/"
    body = {"found": "right", "review": "was there that night"}
    assert pointers(world.api("site_admin").post(address, {"found": "fine", "review": ""})) == {
        "/found",
        "/review",
    }
    assert world.api("clinician").post(address, body).status_code == 403
    assert {world.api(r, "south").post(address, body).status_code for r in ("site_admin", "auditor")} == {404}
    assert world.api("clinician", "south").post(address, body).status_code == 403, "one's own"
    done = ok(world.api("auditor").post(address, body))
    assert (done["found"], done["review"], done["reviewed_by"]) == ("right", body["review"], "auditor-north")
    assert world.api("site_admin").post(address, body | {"found": "not-right"}).status_code == 409
    for role, site, count in (
        ("site_admin", "north", 1),
        ("clinician", "south", 1),
        ("site_admin", "south", 0),
    ):
        assert len(ok(world.api(role, site).get(f"{V1}emergencies/"))["results"]) == count


def test_what_nobody_reviews_is_told_again_after_the_days_of_the_file(world: World, patient: Patient) -> None:
    for role in ("clinician", "site_admin", "auditor", "coordinator"):
        world.user(role)
    told = opened(world, patient)
    due = NOW + timedelta(days=data.reminders().review_days)

    def escalated(at: Any) -> set[str]:
        sweep.sweep(at=at)
        rows = Notice.objects.filter(rule="emergency-escalation", kind="escalation")
        return set(rows.values_list("recipient__username", flat=True))

    assert escalated(due - SECOND) == set()
    assert escalated(due) == {"clinician-north", "site_admin-north", "auditor-north"}
    assert len(escalated(due + timedelta(days=1))) == 3, "once"
    emergency.review(
        access=UUID(told["id"]),
        who=access.principal_of(world.user("site_admin")),
        found="not-right",
        review="no",
    )
    assert notices.send(at=due + timedelta(days=1)).sent >= 0
    assert not Notice.objects.filter(rule="emergency-escalation", sent_at__isnull=False).exists(), (
        "no longer so"
    )


def test_it_ends_with_the_role_and_moves_with_the_patient(world: World, patient: Patient) -> None:
    sol, kim = world.api("clinician", "south"), world.user("clinician", "south")
    told = opened(world, patient)
    word = custody.offer(patient=patient.pk, reason="moves", by="clinician-north")
    custody.take_over(site=world.south, word=word, mrn="", by="clinician-south")
    assert PatientAccess.objects.get(pk=told["id"]).site == world.south
    with access.site_context((), by="test"):
        assert access.principal_of(kim, reads=patient.pk).emergency is not None
    kim.memberships.update(to_date=NOW.date() - timedelta(days=2))
    with access.site_context((), by="test"):
        assert access.principal_of(kim, reads=patient.pk).emergency is None
    assert sol.get(record(patient)).status_code in (401, 404)


def test_the_pages(world: World, told_of: Patient) -> None:
    patient = told_of
    browser, place = Browser(), f"/admin/patients/{patient.pk}/"
    browser.force_login(world.user("clinician", "south"))
    found = browser.get("/admin/patients/", {"q": "nobody"}).content.decode()
    assert "/admin/emergency-access/" in found
    form = browser.get("/admin/emergency-access/").content.decode()
    assert "For an emergency only" in form and 'name="from_site"' not in form
    wrong = browser.post("/admin/emergency-access/", named(patient, mrn="nobody"))
    assert wrong.status_code == 404 and emergency.NOBODY in wrong.content.decode()
    assert Denial.objects.filter(kind="missing", route="admin:emergency").count() == 1
    assert browser.post("/admin/emergency-access/", named(patient))["Location"] == place
    shown = browser.get(place).content.decode()
    assert "Emergency access until 07:00" in shown and WHY in shown, "12:00 UTC in New York"
    assert patient.family_name in shown
    links = [part.split('"')[0] for part in shown.split(f'"{place}')[1:]]
    assert set(links) <= {"", "values/", *(x for x in links if x.startswith("values/?analyte="))}
    assert "Emergency access until" in browser.get(f"{place}values/").content.decode()
    row = PatientAccess.objects.get()
    browser.force_login(world.user("clinician"))
    theirs = browser.get("/admin/emergency-reviews/").content.decode()
    assert WHY in theirs and "Centre South" in theirs and 'name="found"' not in theirs
    assert "Emergency access until" not in browser.get(place).content.decode()
    browser.force_login(world.user("site_admin"))
    assert 'name="found"' in browser.get("/admin/emergency-reviews/").content.decode()
    empty = browser.post("/admin/emergency-reviews/", {"access": row.pk})
    assert empty.status_code == 422
    sent = {"access": row.pk, "found": "not-right", "review": "not on duty"}
    assert browser.post("/admin/emergency-reviews/", sent).status_code == 302
    assert "not on duty" in browser.get("/admin/emergency-reviews/").content.decode()
    browser.force_login(world.user("clinician", "south"))
    assert "not on duty" in browser.get("/admin/emergency-access/").content.decode()
    assert browser.post("/admin/emergency-access/", {"end": row.pk}).status_code == 302
    assert browser.get(place).status_code == 404
