"""One of everything at the site north, every secret of which holds the word canary, and people who ask for it.

Whoever works at the site south only must never read that word.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.http import HttpResponseBase
from django.test import Client as DjangoClient
from django.urls import URLPattern, get_resolver, reverse
from django.urls.resolvers import URLResolver
from django.utils import timezone

from config.accounts import FACTOR, SINCE
from outcomes.models import Export
from outcomes.rules.signing import milestone_id
from outcomes.services import cohort, exports, publications
from patients import access
from patients.models import CodeMap, Inbound, Patient, QuarantineItem, Result, TableMapping, User
from patients.services import blobs, mail, sites
from patients.services.mappings import save_table_mapping
from tests.api.conftest import TODAY, World, ok
from tests.factories import lab
from tests.factories.messages import oru
from tests.factories.people import PASSWORD, make_site, make_staff
from workflow.models import Alert, Infusion, Notice, SiteTask, TaskDue
from workflow.services import desk, emergency, undelivered

WORD = "canary"
SITE_ROLES = ("coordinator", "clinician", "lab_importer", "auditor", "site_admin")
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ABSENT = UUID("01900000-0000-7000-8000-00000000dead")


class Browser(DjangoClient):
    """A session; each request starts without any site in view, as a fresh transaction of the server does."""

    def request(self, **kwargs: Any) -> Any:
        with access.site_context((), by="request"):
            return super().request(**kwargs)


def browser(user: User | None, *, factor: bool = True) -> Browser:
    """A browser in which the person is signed in; without one, of a stranger."""
    found = Browser(raise_request_exception=False)
    if user is None:
        return found
    session = SessionStore()
    session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
    session[BACKEND_SESSION_KEY] = "config.accounts.PasswordBackend"
    session[SINCE] = timezone.now().timestamp()
    if factor:
        session[FACTOR] = str(user.pk)
    session.save()
    found.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return found


@dataclass(frozen=True)
class Route:
    """An address of the product: full name, pattern as Django writes it, and its parameters."""

    name: str
    address: str
    pattern: URLPattern

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(re.findall(r"<(?:\w+:)?(\w+)>", self.address))


def routes(resolver: URLResolver | None = None, space: str = "", before: str = "") -> Iterator[Route]:
    """Every route of the product, once per address."""
    for pattern in (resolver or get_resolver()).url_patterns:
        address = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from routes(pattern, inner, address)
        else:
            yield Route(f"{space}{pattern.name or pattern.lookup_str}", address, pattern)


def often(route: Route) -> bool:
    """The audit pages of all tables are one and the same class: one table in every run, all before a release."""
    return "sealedevent" not in route.address or "patientsealedevent" in route.address


@dataclass
class Place:
    """The two sites, everything there is at north, and a browser for each person."""

    world: World
    patient: UUID = ABSENT
    things: dict[str, Any] = field(default_factory=dict)
    browsers: dict[str, Browser] = field(default_factory=dict)
    souths: dict[str, Any] = field(default_factory=dict)

    def ask(self, who: str, method: str, url: str, data: Any = None, **more: Any) -> Any:
        """The answer to one of `PEOPLE`; a body is sent as JSON to the API and as a form to pages."""
        told = dict(data or {})
        ask = getattr(self.browsers[who], method.lower())
        if method == "GET":
            return ask(url, told, **more)
        if url.startswith("/api/"):
            return ask(url, told, content_type="application/json", **more)
        return ask(url, told, **more) if method == "POST" else ask(url, **more)

    def asked(self, who: str, method: str, url: str, data: Any = None, **more: Any) -> Any:
        """The same, and whatever it did is undone."""
        cookies = self.browsers[who].cookies
        before = cookies.copy()
        with transaction.atomic():
            answer = self.ask(who, method, url, data, **more)
            transaction.set_rollback(True)
        cookies.clear()
        cookies.update(before)
        return answer

    def url(self, route: Route, *, absent: bool = False, own: bool = False) -> str:
        """The route's address with north's objects in it, with south's `own`, or with ids that nothing has."""
        filled = {name: self._filling(route, name, absent) for name in route.parameters}
        filled |= {name: self.souths[name] for name in route.parameters if own and name in self.souths}
        if route.name.startswith("admin:django."):
            return self._unnamed(route, filled)
        return reverse(route.name, kwargs=filled) if filled else reverse(route.name)

    def _unnamed(self, route: Route, filled: dict[str, Any]) -> str:
        told = "/" + route.address.replace("<path:object_id>", str(filled.get("object_id", "")))
        return told.replace("(?P<url>.*)$", "nowhere/")

    def _filling(self, route: Route, parameter: str, absent: bool) -> Any:
        kept = self.things.get(f"{route.name}/{parameter}", self.things.get(parameter))
        if parameter == "object_id" and kept is None:
            kept = self._row(route.address.split("/")[2])
        return ABSENT if absent and (isinstance(kept, UUID) or parameter == "object_id") else kept

    def _row(self, model: str) -> Any:
        """A row of north's that a stock page shows: an id, or the word when there is none."""
        table = apps.get_model("patients", model)
        rows = table._default_manager.all()
        if model in ("user", "membership"):
            who = self.world.user("coordinator").pk
            rows = rows.filter(**{"pk" if model == "user" else "user": who})
        elif hasattr(table, "site_id") or "site" in {f.name for f in table._meta.fields}:
            rows = rows.filter(site=self.world.north)
        elif model == "site":
            rows = rows.filter(pk=self.world.north.pk)
        return rows.values_list("pk", flat=True).first() or ABSENT


def make() -> Place:
    """The world. It is made in one transaction, which its fixture never commits."""
    world = World(make_site("canary-north"), make_site("south", timezone="America/New_York"))
    for role in SITE_ROLES:
        world.user(role), world.user(role, "south")
    place = Place(world)
    place.patient = _patient(world)
    _records(world, place)
    _intake(world, place)
    _people(place)
    _exports(world, place)
    _addresses(place)
    _elsewhere(world, place)
    place.things["access"] = _opened_elsewhere(world)
    return place


def _opened_elsewhere(world: World) -> UUID:
    """Somebody at south reads the record by emergency access: nobody else there learns of it."""
    who = access.principal_of(make_staff(world.south, "clinician", "sam"))
    named = {"site": "canary-north", "mrn": "CANARY-1", "birth_date": date(1931, 12, 29)}
    return emergency.open_record(who=who, fields={**named, "reason": "canary emergency"}).pk


def _elsewhere(world: World, place: Place) -> None:
    """What the people at south have of their own."""
    patient = world.told(cohort.alert_open, "S-1", "south", contract="sample-level")
    source = lab.make_source(world.south, "south-lab")
    lab.take(source, oru("NM|X1^What^L||1|U/L|||||F", mrn="nobody-there", control="C2"), name="file.hl7")
    place.souths = {
        "patient": patient,
        "alert": Alert.objects.filter(state="open", patient=patient)[0].pk,
        "item": QuarantineItem.objects.filter(site=world.south)[0].pk,
        "inbound": Inbound.objects.filter(site=world.south)[0].pk,
        "task": TaskDue.objects.filter(kind="liver-panel", patient=patient).order_by("key")[0].pk,
        "milestone": milestone_id(patient, "sample-level", 12),
    }


def _patient(world: World) -> UUID:
    patient = world.told(cohort.alert_open, "CANARY-1", contract="sample-level", papers=True)
    admin = world.api("coordinator")
    url = reverse("api:patient", kwargs={"patient": patient})
    name = {"family_name": "Canaryfamily", "given_name": "Canarygiven", "birth_date": "1931-12-29"}
    ok(admin.patch(url, name, headers={"If-Match": ok_etag(admin, url)}))
    return patient


def ok_etag(client: Any, url: str) -> str:
    """The version of an object, as its own answer tells it."""
    return str(client.get(url)["ETag"])


def _records(world: World, place: Place) -> None:
    ana, doc, patient = world.api("coordinator"), world.api("clinician"), {"patient": place.patient}

    def post(route: str, body: Any, by: Any = ana, status: int = 201) -> Any:
        return ok(by.post(reverse(f"api:{route}", kwargs=patient), body), status)

    bleed = {"onset_at": "2027-02-20T06:30:00+01:00", "site": "canary knee", "joint": True}
    post("bleeds", bleed | {"cause": "unknown", "treated": True, "note": "canary note"})
    post("attestations", {"code": "shared-decision", "on": "2027-02-20", "note": "canary note"})
    post("draws", {"panel": "liver-panel", "drawn_at": "2027-02-28", "lab": "canary lab"})
    post("kit", {"ordered_on": "2027-02-25", "weight_kg": "72", "vials": 15, "lot": "CANARY-LOT"})
    sent_on = {"status": "submitted", "submitted_on": "2027-02-10", "number": "CANARY-NUMBER"}
    post("authorizations", sent_on | {"payer": "Canary Health"})
    order = {"started_on": "2027-03-01", "template": "default", "alternative_cause": "canary cause"}
    place.things["course"] = UUID(post("steroid-courses", order, doc)["id"])
    post("packet", {"payer": "Canary Health", "note": "canary note"})
    task = TaskDue.objects.filter(kind="liver-panel").order_by("key")[0].pk
    place.things["task"] = task
    ok(ana.post(reverse("api:task-contacts", kwargs={"task": task}), CONTACT), 201)
    made = ok(ana.post(reverse("api:feeds"), {}), 201)
    place.things |= {
        "feed": UUID(made["id"]),
        "feed/secret": made["url"].split("/feeds/")[1].removesuffix(".ics"),
    }
    place.things["alert"] = Alert.objects.filter(state="open")[0].pk
    value = Result.objects.filter(analyte="ALT", patient=place.patient)[0]
    place.things |= {"result": value.pk, "fhir:Observation-read/pk": value.lineage, "fhir:Task-read/pk": task}
    place.things["fhir:MedicationAdministration-read/pk"] = Infusion.objects.get(patient=place.patient).pk
    place.things["milestone"] = milestone_id(place.patient, "sample-level", 12)


CONTACT = {"who": "patient", "how": "phone", "outcome": "reached", "note": "canary words"}


def _intake(world: World, place: Place) -> None:
    source = lab.make_source(world.north, "canary-lab")
    lab.take(source, oru("NM|X1^What^L||1|U/L|||||F", mrn="canary-nobody"), name="canary file.hl7")
    desk.save_code_map(source=source, system="", code="CANARYCODE", analyte="GGT", by="test")
    columns = {"mrn": "Canary number", "value": "Result", "collected_at": "Date", "code": "Test"}
    save_table_mapping(
        source=source,
        name="canary-panel",
        columns=columns,
        constants={"unit": "U/L"},
        date_formats=["%d.%m.%Y"],
    )
    place.things |= {
        "inbound": Inbound.objects.get().pk,
        "item": QuarantineItem.objects.get().pk,
        "admin:code-map/key": CodeMap.objects.get().pk,
        "admin:table-mapping/key": TableMapping.objects.get().pk,
    }


def _people(place: Place) -> None:
    """Everybody has signed in; one of them was deactivated since, which her session did not hear of."""
    world, at = place.world, timezone.now()
    told = world.user("coordinator")
    undelivered.opened(site=world.north.pk, person=told.pk, why="550 canary", at=at)
    place.things["admin:undelivered/task"] = SiteTask.objects.get().pk
    place.things["notice"] = Notice.objects.filter(patient_id=place.patient)[0].pk
    place.things["mail-unsubscribe/secret"] = mail.unsubscribe_secret(told)
    found = {
        f"{role}{site and '@'}{site}": world.user(role, site or "north")
        for role in SITE_ROLES
        for site in ("", "south")
    }
    found["superuser"] = User.objects.create_superuser("root", "root@example.org", PASSWORD)
    found["inactive"] = make_staff(world.north, "coordinator", "canary-gone")
    for name, contract in (("analyst", "sample-level"), ("analyst@other", "sample-warranty")):
        found[name] = sites.create_staff(
            username=name.replace("@", "-"), email="p@example.org", role="payer_analyst", contract=contract,
            since=TODAY.replace(year=2020),
        )  # fmt: skip
        found[name].set_password(PASSWORD)
        found[name].save()
    place.browsers = {name: browser(user) for name, user in found.items()}
    place.browsers |= {"anonymous": browser(None), "unfactored": browser(told, factor=False)}
    User.objects.filter(pk=found["inactive"].pk).update(is_active=False)


def _exports(world: World, place: Place) -> None:
    """An export as it is after a run, which takes a transaction of its own: its one file is put there by hand."""
    fields = {
        "contract": "sample-level",
        "profile": "safe_harbor",
        "determination": "ED-7",
        "formats": ["csv"],
    }
    ask = access.principal_of(world.user("coordinator"))
    made = exports.request(fields=fields | {"reason": "canary reason"}, principal=ask)
    table = io.BytesIO(b"subject_id,month,verdict\nA1B2,12,met\n")
    kept = blobs.keep(stream=table, site=world.north.pk, media_type="text/csv", at=timezone.now())
    file = {
        "name": "milestones.csv",
        "table": "milestones",
        "format": "csv",
        "sha256": kept.sha256,
        "bytes": 37,
        "media_type": "text/csv",
    }
    Export.objects.filter(pk=made.pk).update(
        state="ready", files=[file | {"rows": 1, "blob": str(kept.pk)}], manifest={"resources": []},
        as_of=TODAY, as_known_at=timezone.now(), sha256="0" * 64,
    )  # fmt: skip
    ready = Export.objects.get(pk=made.pk)
    admin = access.principal_of(world.user("site_admin"))
    exports.approve(export=ready, principal=admin)
    publications.publish(export=ready, principal=admin)
    place.things["export"] = made.pk


def _addresses(place: Place) -> None:
    """What fills the parameters that are no ids."""
    place.things |= {
        "patient": place.patient,
        "pk": place.patient,
        "site": place.world.north.pk,
        "contract": "sample-level",
        "version": 1,
        "name": "milestones.csv",
        "admin:figure-file/name": "fix_activity",
        "form": "attestation",
        "kind": "bleeds",
        "verb": "approve",
        "secret": "nosuch",
        "url": "nowhere/",
        "app_label": "patients",
        "uidb36": "0",
        "key": "set-password",
        "admin:view_on_site/object_id": place.world.user("coordinator").pk,
        **dict.fromkeys(("mfa_remove_webauthn/pk", "mfa_edit_webauthn/pk"), 1),
        "content_type_id": ContentType.objects.get_for_model(User).pk,
    }


def text_of(answer: HttpResponseBase) -> str:
    """Body and headers of an answer in one text."""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    return json.dumps(dict(answer.headers)) + body.decode("utf-8", "replace")


def patient_of(place: Place) -> Patient:
    return Patient.objects.get(pk=place.patient)
