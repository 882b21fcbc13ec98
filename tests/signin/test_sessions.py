"""How long a session lasts, what ends it, and what its cookies say."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from knox.models import AuthToken

from patients.access import everywhere
from patients.models import Membership, Site, User
from patients.services import signins
from tests.api.conftest import client_of
from tests.factories.people import PASSWORD, make_staff
from tests.signin.conftest import AWAY, LOGIN, browser, sign_in, signed_in

NEW = "another long pass phrase"


@pytest.fixture
def client(ana: User) -> Any:
    found = browser()
    sign_in(found)
    return found


def test_signing_in_gives_the_session_another_name(ana: User) -> None:
    """A session that somebody put into the browser beforehand is worth nothing afterwards."""
    found = browser()
    found.cookies["sessionid"] = "x" * 32
    found.get(LOGIN)
    sign_in(found)
    name = found.cookies["sessionid"].value
    assert name != "x" * 32
    thief = browser(AWAY)
    thief.cookies["sessionid"] = "x" * 32
    assert (signed_in(found), signed_in(thief)) == (True, False)


def test_a_pending_session_gets_another_name_when_it_is_let_in(client: Any) -> None:
    before = client.cookies["sessionid"].value
    client.post("/accounts/logout/")
    sign_in(client)
    assert client.cookies["sessionid"].value != before


@pytest.mark.parametrize(("minutes", "in_"), [(29, True), (30, True), (31, False)])
def test_a_session_that_rests_for_half_an_hour_ends(client: Any, clock: Any, minutes: int, in_: bool) -> None:
    assert signed_in(client)
    clock.shift(timedelta(minutes=minutes))
    assert signed_in(client) is in_


def test_a_session_in_use_ends_after_twelve_hours(client: Any, clock: Any) -> None:
    for _ in range(36):
        assert signed_in(client)
        clock.shift(timedelta(minutes=20))
    assert signed_in(client)
    clock.shift(timedelta(seconds=1))
    assert not signed_in(client)


def test_an_ended_session_asks_to_sign_in_again_and_comes_back(client: Any, clock: Any) -> None:
    clock.shift(timedelta(minutes=31))
    answer = client.get("/admin/patients/")
    assert answer.status_code == 302
    assert answer["Location"] == "/admin/login/?next=/admin/patients/"
    assert client.get("/api/v1/sites/").status_code == 401


def test_after_signing_out_the_old_cookie_and_the_back_button_show_nothing(client: Any) -> None:
    old = client.cookies["sessionid"].value
    shown = client.get("/admin/patients/")
    assert "no-store" in shown["Cache-Control"]
    client.post("/accounts/logout/")
    client.cookies["sessionid"] = old
    assert not signed_in(client)


def test_signing_out_ends_this_device_only(client: Any) -> None:
    other = browser(AWAY)
    sign_in(other)
    client.post("/accounts/logout/")
    assert (signed_in(client), signed_in(other)) == (False, True)


def test_a_new_password_ends_every_other_session_and_every_token(ana: User, client: Any) -> None:
    thief, machine = browser(AWAY), client_of(ana)
    sign_in(thief)
    asked = {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW}
    assert client.post("/accounts/password/change/", asked).status_code == 302
    assert (signed_in(client), signed_in(thief), signed_in(machine)) == (True, False, False)
    assert not AuthToken.objects.filter(user=ana).exists()


def test_a_role_that_ends_signs_out_and_ends_tokens(ana: User, north: Site, client: Any) -> None:
    machine = client_of(ana)
    assert signed_in(machine)
    assert signins.end_roles(user=ana.pk, today=date(2027, 3, 1), role="coordinator", site=north.pk) == 1
    assert (signed_in(client), signed_in(machine)) == (False, False)
    fresh = browser(AWAY)
    assert sign_in(fresh).status_code == 302
    assert fresh.get("/api/v1/sites/").status_code == 403


def test_a_new_role_signs_nobody_out(ana: User, north: Site, client: Any) -> None:
    Membership.objects.create(user=ana, role="clinician", site=north, from_date=date(2027, 1, 1))
    assert signed_in(client)


def test_who_is_deactivated_stays_out_when_activated_again(ana: User, client: Any) -> None:
    """An old copy of the row, saved as a whole, does not bring the old sessions back."""
    machine = client_of(ana)
    old_copy = User.objects.get(pk=ana.pk)
    signins.deactivate(username="ana", today=date(2027, 3, 1))
    assert (signed_in(client), signed_in(machine)) == (False, False)
    old_copy.save()
    Membership.objects.update(to_date=None)
    assert (signed_in(client), signed_in(machine)) == (False, False)
    assert sign_in(client).status_code == 302
    assert signed_in(client)


def test_signing_somebody_out_ends_all(ana: User, client: Any) -> None:
    machine = client_of(ana)
    signins.sign_out(user=ana.pk)
    assert (signed_in(client), signed_in(machine)) == (False, False)


def test_others_stay_signed_in(ana: User, north: Site) -> None:
    with everywhere(by="t"):
        make_staff(north, "clinician", "bob")
    other, machine = browser(), client_of(User.objects.get(username="bob"))
    sign_in(other, "bob")
    signins.deactivate(username="ana", today=date(2027, 3, 1))
    assert (signed_in(other), signed_in(machine)) == (True, True)


def test_cookies_are_for_this_host_and_no_script(client: Any) -> None:
    fresh = browser()
    fresh.get(LOGIN)
    csrf, session = fresh.cookies["csrftoken"], client.cookies["sessionid"]
    assert (session["httponly"], session["samesite"], session["path"], session["domain"]) == (
        True,
        "Lax",
        "/",
        "",
    )
    assert (csrf["httponly"], csrf["samesite"], csrf["path"], csrf["domain"]) == (True, "Strict", "/", "")
    assert session["max-age"] == "" and session["expires"] == ""


def test_no_message_about_a_patient_is_kept_in_a_cookie(client: Any) -> None:
    assert set(client.cookies) <= {"sessionid", "csrftoken"}
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": NEW, "password2": NEW})
    assert set(client.cookies) <= {"sessionid", "csrftoken"}
