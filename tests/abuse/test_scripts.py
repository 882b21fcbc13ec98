"""Markup and scripts in every text that a person or a laboratory fills in, and in addresses, before a real Chromium.

The pages come from the one world of this folder: each request of the browser is answered by Django in this process,
headers included, so that nothing is committed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib.staticfiles import finders
from django.db import connections, transaction
from django.urls import reverse
from django.utils import timezone

from outcomes.services import cohort
from patients import matrix
from patients.models import Inbound, QuarantineItem, User
from patients.services import sites
from patients.services.mappings import save_table_mapping
from tests.abuse.world import Place, browser, often, ok_etag, routes
from tests.api.conftest import ok
from tests.factories import lab
from tests.factories.messages import oru
from tests.factories.people import make_staff
from workflow.models import Alert, TaskDue
from workflow.services import desk, undelivered, views

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed; apt-get install chromium"),
]

SHORT = "'\"><img src=x onerror=hit()>"
LONG = f"{SHORT}</textarea></script><svg onload=hit()><script>hit()</script>'-alert(1)-'{{{{7*7}}}}"
LINK = "javascript:hit()"
UNSHOWN = {"reason of a map", "source", "source id", "source id of a result", "wrong date", "wrong header"}
"""What is kept but stands on no page, or only cut short."""
PEOPLE = ("clinician", "site_admin", "coordinator", "analyst")
"""Who opens a page: the first of them who may."""
ORIGIN = "http://localhost"
HERE: Any = {"SERVER_NAME": "localhost"}
WATCH = """
window.faults = [];
window.hit = () => window.faults.push('a script ran');
document.addEventListener('securitypolicyviolation', (e) => {
  window.faults.push('policy: ' + e.violatedDirective + ' ' + e.blockedURI + ' ' + e.sample);
});
"""
LOOK = """
() => {
  document.querySelectorAll('details').forEach((e) => { e.open = true; });
  const odd = 'img[src=x], svg[onload], [onerror], [onload], script:not([src]):not([type]), ' +
    '[href^="javascript:" i], [action^="javascript:" i], [formaction^="javascript:" i]';
  const fields = [...document.querySelectorAll('input:not([type=hidden]), textarea')].map((e) => e.value);
  const options = [...document.querySelectorAll('option')].map((e) => e.textContent);
  return {
    text: [document.body.innerText, ...fields, ...options].join('\\n'),
    faults: [...window.faults, ...[...document.querySelectorAll(odd)].map((e) => e.outerHTML.slice(0, 120))],
  };
}
"""


@dataclass
class Texts:
    """What was typed where; each field has a text of its own, so that it is known again on a page."""

    typed: dict[str, str] = field(default_factory=dict)

    def __call__(self, name: str, form: str = SHORT) -> str:
        self.typed[name] = f"k{len(self.typed):02}{form}"
        return self.typed[name]


@dataclass
class Screen:
    """A page of Chromium, in which one of the world's people is signed in, and what went wrong there."""

    place: Place
    page: Any
    who: str = "clinician"
    context: Context = field(default_factory=copy_context)
    faults: list[str] = field(default_factory=list)
    text: str = ""
    opened: int = 0

    def answer(self, route: Any) -> None:
        """Answers a request of the browser, in the context of the test: Playwright calls from a context of its own."""
        self.context.copy().run(self._answer, route)

    def _answer(self, route: Any) -> None:
        asked = urlsplit(route.request.url)
        if not route.request.url.startswith(ORIGIN):
            self.faults.append(f"another host: {route.request.url}")
            route.abort()
            return
        if asked.path.startswith("/static/"):
            route.fulfill(path=finders.find(asked.path.removeprefix("/static/")))
            return
        send = self.place.browsers[self.who]
        body, kind = route.request.post_data_buffer or b"", route.request.headers.get("content-type", "")
        with transaction.atomic():
            told = send.generic(
                route.request.method, asked.path, body, kind, QUERY_STRING=asked.query, **HERE
            )
            while told.status_code in (301, 302, 303):
                to = urlsplit(told["Location"])
                if to.scheme or to.netloc:
                    self.faults.append(f"{asked.path} leads to {told['Location']}")
                    break
                told = send.generic("GET", to.path, QUERY_STRING=to.query, **HERE)
        if told.status_code >= 500:
            self.faults.append(f"{told.status_code} {asked.path}")
        is_page = route.request.resource_type == "document"
        if is_page and "text/html" not in told.get("Content-Type", ""):
            route.fulfill(body="<p>no page", content_type="text/html")
            return
        route.fulfill(status=told.status_code, body=told.content, headers=dict(told.headers))

    def open(self, address: str) -> None:
        self.page.goto(ORIGIN + address)
        self.look()

    def look(self) -> None:
        seen = self.page.evaluate(LOOK)
        self.text += seen["text"] + "\n"
        self.faults += [f"{self.who} {urlsplit(self.page.url).path}: {text}" for text in seen["faults"]]
        self.opened += 1

    def asked(self, dialog: Any) -> None:
        self.heard("a dialog")
        dialog.dismiss()

    def said(self, message: Any) -> None:
        """Errors in the console; a page that answers "not found" is none."""
        refused = "the server responded with a status of 4" in message.text
        if message.type == "error" and not (
            refused and urlsplit(message.location["url"]).path.startswith("/admin/")
        ):
            self.heard(message.text)

    def heard(self, text: str) -> None:
        self.faults.append(f"{self.who} {urlsplit(self.page.url).path}: {text}")


@pytest.fixture(scope="module")
def typed(made: Place, django_db_blocker: Any) -> Iterator[tuple[Place, Texts]]:
    """The world with such texts in it, undone at the end of this file."""
    texts = Texts()
    with django_db_blocker.unblock(), transaction.atomic():
        yield fill(made, texts), texts
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def screen(typed: tuple[Place, Texts]) -> Iterator[Screen]:
    from playwright.sync_api import sync_playwright

    os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    own = connections["default"]
    with sync_playwright() as playwright:
        connections["default"] = own  # beside Playwright's event loop Django would open another one
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = chromium.new_context()
        context.add_init_script(WATCH)
        found = Screen(typed[0], context.new_page())
        context.route("**/*", found.answer)
        found.page.on("dialog", found.asked)
        found.page.on("pageerror", lambda error: found.heard(str(error)))
        found.page.on("console", found.said)
        yield found
        chromium.close()
        del connections["default"]


def fill(place: Place, texts: Texts) -> Place:
    """Types a text of its own into every field; returns the world with the newest rows in its addresses."""
    _record(place, texts)
    _act(place, texts)
    others = _infuse(place, texts)
    _work(place, texts)
    _send(place, texts)
    _settle(place, texts)
    things = {**place.things, "others": others, "item": QuarantineItem.objects.order_by("-pk")[0].pk}
    things["inbound"] = Inbound.objects.filter(site=place.world.north).order_by("-pk")[0].pk
    people = {name: place.world.user(name) for name in PEOPLE if name != "analyst"}
    people["analyst"] = User.objects.get(username="analyst")
    browsers = {name: browser(user) for name, user in people.items()}
    return replace(place, things=things | _newest(place), browsers=browsers | {"anonymous": browser(None)})


def _newest(place: Place) -> dict[str, Any]:
    """For each stock page of one row: the row that was written last."""
    found = {}
    for route in routes():
        if route.name.startswith("admin:patients_") and "object_id" in route.parameters:
            table = apps.get_model("patients", route.address.split("/")[2])
            found[f"{route.name}/object_id"] = (
                table._default_manager.order_by("-pk").values_list("pk", flat=True).first()
            )
    return {name: pk for name, pk in found.items() if pk}


def _post(place: Place, route: str, body: Mapping[str, Any], by: str = "coordinator", **about: Any) -> None:
    """One request to the API, about the patient if nothing else is said; it must be taken."""
    url = reverse(f"api:{route}", kwargs=about or {"patient": place.patient})
    answer = place.world.api(by).post(url, body)
    assert answer.status_code < 300, (route, answer.content)


def _record(place: Place, t: Texts) -> None:
    ana, url = place.world.api("coordinator"), reverse("api:patient", kwargs={"patient": place.patient})
    name = {"family_name": t("family name"), "given_name": t("given name"), "mrn": t("mrn")}
    ok(ana.patch(url, name, headers={"If-Match": ok_etag(ana, url)}))
    marked = {"source": t("source"), "source_id": t("source id")}
    bleed = {"onset_at": "2027-02-21T06:30:00+01:00", "joint": True, "cause": "unknown", "treated": True}
    _post(place, "bleeds", bleed | marked | {"site": t("bleed site"), "note": t("bleed note", LONG)})
    use = {"iu": "3000", "given_on": "2027-02-21", "reason": "bleed"}
    _post(place, "factor-uses", use | {"product": t("product used")})
    regimen = {"iu_per_kg": "40", "interval_days": "7", "from": "2026-01-05", "to": "2026-01-20"}
    _post(place, "regimens", regimen | {"product": t("product of a regimen")})
    _post(
        place, "attestations", {"code": "shared-decision", "on": "2027-02-21", "note": t("attestation", LONG)}
    )
    _post(place, "draws", {"panel": "liver-panel", "drawn_at": "2027-03-01", "lab": t("lab of a draw")})
    kit = {"ordered_on": "2027-02-26", "weight_kg": "72", "vials": 15}
    _post(place, "kit", kit | {"lot": t("lot"), "vial_lots": [t("vial lot")]})
    paper = {"status": "submitted", "submitted_on": "2027-02-11", "number": t("number of a paper", LINK)}
    _post(place, "authorizations", paper | {"payer": t("payer of a paper")})
    result = {"analyte": "ALT", "value": "31", "unit": "U/L", "collected_at": "2027-02-28T08:00:00+01:00"}
    told = {"assay": t("assay"), "lab": t("laboratory"), "source_id": t("source id of a result")}
    _post(place, "results", result | told)
    text = {"analyte": "HBSAG", "collected_at": "2027-02-28T08:00:00+01:00", "value": t("value", LONG)}
    _post(place, "results", text)


def _act(place: Place, t: Texts) -> None:
    doc = "clinician"
    _post(
        place,
        "packet",
        {"payer": t("payer of a packet"), "channel": t("channel"), "note": t("packet note", LONG)},
    )
    alert = Alert.objects.filter(state="open", patient=place.patient)[0]
    other = {"decision": "other", "note": t("alert note", LONG)}
    _post(place, "alert-acknowledge", other, doc, alert=alert.pk)
    tasks = iter(
        TaskDue.objects.filter(patient=place.patient, kind="liver-panel", ended_on=None).order_by("key")
    )
    task = place.things["task"]
    contact = {"who": "other", "how": "phone", "outcome": "other", "note": t("contact note", LONG)}
    _post(place, "task-contacts", contact, task=task)
    waived = next(row for row in tasks if row.pk != task)
    _post(place, "task-waive", {"reason": t("reason to waive", LONG)}, doc, task=waived.pk)
    wish = {"contract": "sample-level", "reason": t("export reason"), "determination": t("determination")}
    ok(place.world.api().post(reverse("api:exports"), wish), 202)


def _infuse(place: Place, t: Texts) -> tuple[UUID, UUID]:
    """A second patient: infused against the gates, and voided; and a third one, asked to be deleted."""
    world = place.world
    patient = world.told(cohort.referred, t("mrn of a second patient"))
    make_staff(world.north, "clinician", "second-pair-of-eyes")
    reaction = {"what": t("reaction"), "treatment": t("treatment"), "note": t("note of a reaction")}
    given = {
        "started_at": "2027-03-01T10:00:00+01:00", "weight_kg": "72", "volume_ml": "144", "ndc": "0053-0150-15",
        "place_of_service": "22", "outcome": "complete", "note": t("note of an infusion", LONG), "kit_lot": t("lot infused"),
        "premedication": [{"product": t("premedication"), "dose": t("dose"), "note": t("note of premedication")}],
        "reactions": [reaction], "interruptions": [{"reason": t("reason of a pause")}],
        "override": {"reason": t("reason to override", LONG), "second_person": "second-pair-of-eyes"},
    }  # fmt: skip
    _post(place, "infusion", given, "clinician", patient=patient)
    void = {"reason": t("reason to void", LONG), "second_person": "second-pair-of-eyes"}
    _post(place, "infusion-void", void, "clinician", patient=patient)
    mistaken = world.told(cohort.referred, t("mrn of a third patient"))
    wish = {"ground": "recorded-in-error", "reason": t("reason to delete", LONG)}
    _post(place, "erase", wish, "clinician", patient=mistaken)
    return patient, mistaken


def _work(place: Place, t: Texts) -> None:
    world = place.world
    for page in views.FILTERS:
        views.save(user=world.user("clinician"), page=page, name=t(f"view of {page}"), query="")
    named = make_staff(world.north, "coordinator", t("user name"))
    User.objects.filter(pk=named.pk).update(first_name=t("first name"), last_name=t("last name"))
    sites.change_site(site=world.north.pk, fields={"name": t("site name")}, expected=world.north.version)
    undelivered.opened(site=world.north.pk, person=named.pk, why=t("why undelivered"), at=timezone.now())


def _send(place: Place, t: Texts) -> None:
    """Files of a laboratory: names, codes, units and headers are such texts, and what is wrong with them is told."""
    source = lab.make_source(place.world.north, "lab-of-texts")
    who = f"{t('mrn sent')},{t('family name sent')},1985-05-17"
    lab.take(source, lab.csv_of(lab.row(t("code sent"), "12", who=who)), name=t("file name") + ".csv")
    odd = f"{lab.HEAD}\nM1,Muster,1985-05-17,,C1,1,U/L,{t('wrong date')}\n"
    lab.take(source, odd.encode(), name="odd rows.csv")
    lab.take(source, f"{t('wrong header')},result\nx,1\n".encode(), name="odd columns.csv")
    told = f"NM|{t('code of a message')}^{t('title of a code')}^L||1|{t('unit sent')}|||||F"
    lab.take(
        source,
        oru(told, mrn=t("mrn of a message"), family=t("family name of a message"), control="C9"),
        name="m.hl7",
    )
    columns = {"mrn": t("header of a map"), "value": "Result", "collected_at": "Date", "code": "Test"}
    save_table_mapping(
        source=source, name=t("name of a table map"), columns=columns, constants={"unit": "U/L"}
    )
    desk.save_code_map(
        source=source,
        system="",
        code=t("code of a map"),
        analyte="GGT",
        by="test",
        reason=t("reason of a map", LONG),
    )


def _settle(place: Place, t: Texts) -> None:
    """An item of the desk discarded with such a reason."""
    source = lab.make_source(place.world.north, "lab-of-discards")
    lab.take(
        source, lab.csv_of(lab.row("DISCARDED", "13", who="nobody,Else,1970-01-01")), name="discarded.csv"
    )
    item = QuarantineItem.objects.get(source=source)
    desk.resolve(item=item.pk, action="discard", reason=t("reason to discard", LONG), by="test")


def addresses(place: Place) -> Iterator[tuple[str, str]]:
    """Every page that somebody of the centre or the payer can open, and who opens it."""
    for route in filter(often, routes()):
        if route.name.startswith(("admin:django.", "account_", "mfa_", "fhir:")) or route.address.startswith(
            "api/v1/exports"
        ):
            continue
        allowed = matrix.roles(route.name, "GET")
        roles = {"analyst": "payer_analyst"}
        who = next((p for p in PEOPLE if roles.get(p, p) in allowed or matrix.SIGNED_IN in allowed), "")
        if who and (route.name.startswith(("admin:", "payer")) or route.name == "api:docs"):
            yield who, place.url(route)
    for patient in place.things["others"]:
        for name in ("patient", "infusion", "void"):
            yield "clinician", reverse(f"admin:{name}", kwargs={"patient": patient})
    for kind in ("factor-uses", "attestations", "draws", "kit"):
        yield "clinician", f"/admin/patients/{place.patient}/log/{kind}/"
    for item in QuarantineItem.objects.filter(site=place.world.north):
        yield "clinician", reverse("admin:desk-item", args=[item.pk])
    for inbound in Inbound.objects.filter(site=place.world.north):
        yield "clinician", reverse("admin:import", args=[inbound.pk])


def test_no_text_that_somebody_typed_is_more_than_text(screen: Screen, typed: tuple[Place, Texts]) -> None:
    for who, address in addresses(screen.place):
        screen.who = who
        screen.open(address)
    assert screen.opened > 80
    assert screen.faults == []
    hidden = {name for name, text in typed[1].typed.items() if text not in screen.text}
    assert hidden == UNSHOWN


REFLECTED = ("q", "site", "group", "mine", "phase", "show", "empty", "after", "analytes", "week", "task", "correct", "course",
             "alert", "today", "infusion_on", "page", "next", "source", "reason", "state", "code", "analyte", "person", "table",
             "from", "to", "pathway", "history", "tasks", "timeline", "gates", "patient", "contract", "o", "e", "_changelist_filters", "_popup", "_to_field")  # fmt: skip


def test_nothing_in_an_address_or_a_form_is_more_than_text(
    screen: Screen, typed: tuple[Place, Texts]
) -> None:
    """The same text as every parameter of every list, in a path, in `next`, and typed into the search."""
    screen.who = "clinician"
    for text in (LONG, LINK):
        asked = "?" + urlencode(dict.fromkeys(REFLECTED, text))
        for name in LISTS:
            screen.open(reverse(f"admin:{name}") + asked)
    screen.open("/admin/patients/")
    screen.page.fill("form.find [name=q]", LONG)
    with screen.page.expect_navigation():
        screen.page.press("form.find [name=q]", "Enter")
    screen.look()
    screen.who = "anonymous"
    for text in (LONG, LINK):
        screen.open("/accounts/login/?" + urlencode({"next": text}))
    assert screen.faults == []
    assert screen.text.count(LONG) > 3


LISTS = ("today", "cohort", "patients", "desk", "imports", "code-map-new", "audit", "lab-entry", "milestones",
         "patients_source_changelist")  # fmt: skip
