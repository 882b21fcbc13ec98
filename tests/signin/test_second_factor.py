"""A second factor is asked of everybody who has one, and where it is required nothing is shown without."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

from patients.access import everywhere
from patients.models import ReadLog, User
from tests.api.conftest import client_of
from tests.factories.people import PASSWORD, make_site, make_staff
from tests.signin.conftest import CODE, NOW, browser, code, enrol, sign_in, signed_in

PAGES = ("/admin/", "/admin/today/", "/admin/patients/", "/payer/", "/admin/records/")


def test_without_a_second_factor_no_page_opens_where_one_is_required(ana: User, required: None) -> None:
    client = browser()
    sign_in(client)
    for page in PAGES:
        answer = client.get(page)
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/"), page
    for route in ("/api/v1/patients/", "/api/v1/worklist/", "/api/v1/schema/", "/api/v1/docs/"):
        answer = client.get(route)
        assert (answer.status_code, answer.json()["code"]) == (403, "second-factor"), route
    assert client.get("/fhir/R4/Patient").json()["resourceType"] == "OperationOutcome"
    assert not ReadLog.objects.exists()


def test_the_pages_that_set_it_up_do(ana: User, required: None) -> None:
    client = browser()
    sign_in(client)
    assert client.get("/accounts/2fa/").status_code == 200
    assert client.get("/fhir/R4/metadata").status_code == 200
    assert client.post("/accounts/logout/").status_code == 302


def test_outside_production_it_is_offered(ana: User) -> None:
    client = browser()
    sign_in(client)
    assert client.get("/admin/patients/").status_code == 200
    assert "/accounts/2fa/" in client.get("/admin/me/mail/").content.decode()


def test_setting_one_up_lets_this_session_in(transactional_db: None, clock: Any, required: None) -> None:
    """Committed, because the library says so only then."""
    with everywhere(by="t"):
        ana = make_staff(make_site("north"), "coordinator", "ana")
    client = browser()
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret
    done = client.post("/accounts/2fa/totp/activate/", {"code": code(secret=secret)})
    assert done.status_code == 302
    assert signed_in(client)
    kept = Authenticator.objects.get(user=ana, type="totp")
    assert secret not in str(kept.data)
    clock.shift(timedelta(seconds=30))
    other = browser()
    sign_in(other)
    assert not signed_in(other)
    other.post(CODE, {"code": code(NOW + timedelta(seconds=30), secret)})
    assert signed_in(other)


def test_after_the_password_alone_nobody_is_signed_in(ana: User) -> None:
    enrol(ana)
    client = browser()
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    for page in PAGES:
        assert client.get(page).status_code == 302, page
        assert "/login/?next=" in client.get(page)["Location"], page
    assert client.get("/api/v1/patients/").status_code == 401
    for path in ("password/change/", "2fa/", "2fa/totp/deactivate/", "2fa/recovery-codes/"):
        assert client.get(f"/accounts/{path}").status_code == 302, path


def test_with_the_code_everything_opens(ana: User, required: None) -> None:
    enrol(ana)
    client = browser()
    sign_in(client)
    assert client.post(CODE, {"code": code()}).status_code == 302
    assert client.get("/admin/patients/").status_code == 200
    assert client.get("/api/v1/patients/").status_code == 200


def test_taking_the_last_factor_away_closes_the_session_again(ana: User, required: None, clock: Any) -> None:
    enrol(ana)
    client = browser()
    sign_in(client)
    client.post(CODE, {"code": code()})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.post("/accounts/2fa/totp/deactivate/").status_code == 302
    assert not Authenticator.objects.filter(user=ana).exists()
    assert client.get("/api/v1/patients/").status_code == 403


def test_a_recovery_code_is_good_once(ana: User, required: None) -> None:
    enrol(ana)
    codes = RecoveryCodes.activate(ana)
    used = codes.get_unused_codes()[0]
    for seen in (True, False):
        client = browser()
        sign_in(client)
        client.post(CODE, {"code": used})
        assert signed_in(client) is seen


def test_a_factor_of_one_person_is_none_of_the_next_in_the_same_browser(ana: User, required: None) -> None:
    make_staff(make_site("south"), "clinician", "bob")
    enrol(ana)
    client = browser()
    sign_in(client)
    client.post(CODE, {"code": code()})
    assert signed_in(client)
    client.post("/accounts/logout/")
    sign_in(client, "bob")
    assert client.get("/api/v1/patients/").status_code == 403


def test_a_token_needs_no_second_factor(ana: User, required: None) -> None:
    """It is itself something the operator gave out, for machines that cannot answer a question."""
    assert signed_in(client_of(ana))


@pytest.mark.parametrize(
    "path", ["email/", "confirm-email/", "social/", "password/set/", "login/code/confirm/"]
)
def test_pages_of_the_library_that_we_do_not_offer_are_not_there(ana: User, path: str) -> None:
    client = browser()
    sign_in(client)
    assert client.get(f"/accounts/{path}").status_code == 404


def test_nobody_signs_up(db: None) -> None:
    client = browser()
    for answer in (client.get("/accounts/signup/"), client.post("/accounts/signup/", {"username": "eve"})):
        assert answer.status_code == 200
        assert "administrator" in answer.content.decode()
    assert not User.objects.filter(username="eve").exists()
