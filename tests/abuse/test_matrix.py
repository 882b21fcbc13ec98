"""The access matrix carried out: every address by every method, asked by everybody, at the own site and elsewhere.

At the own site a role of the row gets past the door (whatever the request itself is worth), any other is refused.
What belongs to another site is not found, before the role is looked at. A method without an entry is refused.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.urls import resolve

from patients import matrix
from tests.abuse.world import VERBS, Place, Route, often, routes
from tests.factories.people import PASSWORD

IN, SIGN_IN, NO_ROLE, MISSING, METHOD, FACTOR, BROKEN = (
    "in", "sign in", "no role", "not found", "no such method", "second factor", "broken",
)  # fmt: skip
REFUSED = {SIGN_IN, NO_ROLE, MISSING, METHOD}
WORKPLACE = {"coordinator", "clinician", "site_admin"}
EVERYWHERE = {"api:contract-milestones", "api:contract-exposure"}
"""About a contract, which is no secret: each sees the own patients in it."""
ELSEWHERE = {"admin:notice", "feed", "mail-unsubscribe"}
"""A link of a mail leads to the start page where it cannot be shown; the others are secrets in themselves."""
OWNED = {"api:feed", "api:import", "api:import-items", "api:import-errors"}
"""What one person owns: to others of the role it is not there."""
NOT_THERE = {"api:infusion-override-confirm", "api:milestone-version", "admin:views", "admin:erasures"}
NOT_THERE |= {"admin:emergency-reviews"}
"""What this patient has none of, and what is named in the body; its own tests ask for it."""
BODIES = {"api:milestone-attest": {"password": PASSWORD}}
OUT = ("anonymous", "inactive")
ROUTES = [pytest.param(r, marks=() if often(r) else pytest.mark.slow) for r in routes()]


def kind(answer: Any) -> str:
    """How an answer let in or refused."""
    status, to = answer.status_code, answer.headers.get("Location", "")
    if (status == 403 and b'"second-factor"' in answer.content) or to == "/accounts/2fa/":
        return FACTOR
    if status >= 500:
        return BROKEN
    if status == 401 or to.startswith(("/accounts/login/", "/admin/login/")):
        return SIGN_IN
    return {403: NO_ROLE, 404: MISSING, 405: METHOD}.get(status, IN)


def wanted(route: Route, method: str, who: str, about: bool) -> set[str]:
    """How the matrix says that this person is answered; `about`: the address names an object of north's."""
    allowed, name = matrix.roles(route.name, method), route.name
    own = name.startswith(("account_", "mfa_"))
    if not allowed:
        return REFUSED
    if name in ("readyz", "admin:login"):
        return {IN, BROKEN} if name == "readyz" else {IN, SIGN_IN, NO_ROLE}
    if matrix.OPEN in allowed:
        return {IN, SIGN_IN, METHOD} if own else {IN}
    if who in OUT:
        return {SIGN_IN}
    if matrix.SIGNED_IN in allowed:
        return {IN, MISSING, METHOD} if own else {IN}
    role, _, site = who.partition("@")
    api = name.startswith(("api:", "fhir:"))
    if name.startswith("admin:") and role not in WORKPLACE:
        return {SIGN_IN}
    if role in ("analyst", "superuser"):
        let_in = (
            role == "analyst" and "payer_analyst" in allowed and not (site and (about or name in EVERYWHERE))
        )
        return {IN} if let_in else {NO_ROLE, MISSING}
    if name.startswith("admin:django."):
        return {IN, MISSING}
    if about and site:
        return {MISSING} if role in allowed or (api and name not in OWNED) else {MISSING, NO_ROLE}
    if role not in allowed:
        return {NO_ROLE}
    if name in NOT_THERE or (name in OWNED and role != "coordinator") or (about and "sealedevent" in name):
        return {IN, MISSING}
    return {IN}


def about_an_object(place: Place, route: Route) -> bool:
    if route.name in EVERYWHERE | ELSEWHERE:
        return False
    told = [place._filling(route, name, False) for name in route.parameters]
    return any(isinstance(t, UUID) for t in told) or "object_id" in route.parameters


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.name} {r.address}")
def test_a_route_does_for_each_person_what_its_row_says(place: Place, route: Route) -> None:
    url, about = place.url(route), about_an_object(place, route)
    if resolve(url).view_name != route.name:
        return  # a stock page behind one of ours: nobody comes there
    faults = []
    for method in VERBS:
        people = (
            place.browsers if matrix.roles(route.name, method) else ("anonymous", "clinician", "site_admin")
        )
        for who in people:
            if who == "unfactored":
                continue
            found = kind(place.asked(who, method, url, BODIES.get(route.name)))
            if found not in wanted(route, method, who, about):
                faults.append(f"{method} by {who}: {found}, not {wanted(route, method, who, about)}")
    assert not faults, "\n".join(faults)
