"""Passwords and codes cannot be guessed: five tries for a name from an address, a hundred in all."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from patients.hashers import Argon2
from patients.models import User
from tests.factories.people import PASSWORD, make_site, make_staff
from tests.signin.conftest import AWAY, CODE, HOME, NOW, browser, code, enrol, sign_in, signed_in
from tests.timing import apart


def guess(client: Any, times: int, name: str = "ana") -> list[int]:
    return [sign_in(client, name, f"wrong {n}").status_code for n in range(times)]


def test_the_fifth_wrong_password_closes_the_door_even_to_the_right_one(ana: User) -> None:
    client = browser()
    assert guess(client, 5) == [200, 200, 200, 200, 429]
    assert sign_in(client).status_code == 429
    assert not signed_in(client)


def test_four_wrong_ones_do_not(ana: User) -> None:
    client = browser()
    guess(client, 4)
    assert sign_in(client).status_code == 302
    assert signed_in(client)


def test_a_name_in_other_letters_is_the_same_name(ana: User) -> None:
    client = browser()
    for name in ("ana", "ANA", " aNa", "Ana ", "ａｎａ"):
        guess(client, 1, name)
    assert sign_in(client).status_code == 429


def test_the_owner_gets_in_from_another_address_meanwhile(ana: User) -> None:
    guess(browser(), 5)
    owner = browser(AWAY)
    assert sign_in(owner).status_code == 302
    assert signed_in(owner)


def test_the_door_opens_after_a_quarter_of_an_hour(ana: User, clock: Any) -> None:
    client = browser()
    guess(client, 5)
    clock.shift(timedelta(minutes=14, seconds=59))
    assert sign_in(client).status_code == 429
    clock.shift(timedelta(minutes=15, seconds=1))
    assert sign_in(client).status_code == 302


def test_tries_while_the_door_is_closed_are_not_looked_at(ana: User) -> None:
    guess(browser(), 12)
    ana.refresh_from_db()
    assert ana.failed_signins == 5


def test_from_many_addresses_a_hundred_tries_close_the_account_until_a_new_password(
    ana: User, settings: Any
) -> None:
    settings.SIGN_IN_TOTAL = 10
    for address in range(5):
        guess(browser(f"203.0.113.{address}"), 2)
    owner = browser(AWAY)
    told, wrong = sign_in(owner), sign_in(browser("203.0.113.99"), "ana", "wrong")
    assert (told.status_code, signed_in(owner)) == (200, False)
    assert (wrong.status_code, len(wrong.content)) == (200, len(told.content))
    ana.set_password("another long pass phrase")
    ana.save()
    assert sign_in(owner, "ana", "another long pass phrase").status_code == 302


def test_one_below_the_hundred_still_gets_in_and_counts_anew(ana: User, settings: Any) -> None:
    settings.SIGN_IN_TOTAL = 10
    for address in range(3):
        guess(browser(f"203.0.113.{address}"), 3)
    assert sign_in(browser(AWAY)).status_code == 302
    ana.refresh_from_db()
    assert ana.failed_signins == 0


def test_one_address_tries_only_so_many_names(ana: User, settings: Any, monkeypatch: Any) -> None:
    """Spraying one password over many names; the counter is the broker's, which is not there in this test."""
    used: list[str] = []
    monkeypatch.setattr("config.accounts.within", lambda name, **limit: used.append(name) or len(used) <= 2)
    client = browser()
    assert [sign_in(client, name).status_code for name in ("x", "y", "ana")] == [200, 200, 200]
    assert not signed_in(client)
    assert used == [f"signin:{HOME}"] * 3


def test_the_address_is_the_one_our_own_proxy_saw(ana: User, settings: Any) -> None:
    """What the client writes in front of it opens no door and closes none."""
    settings.PROXIES = 1
    for n in range(5):
        client = browser("10.0.0.1", HTTP_X_FORWARDED_FOR=f"192.0.2.{n}, 203.0.113.5")
        sign_in(client, "ana", "wrong")
    same = browser("10.0.0.1", HTTP_X_FORWARDED_FOR="198.51.100.1, 203.0.113.5")
    assert sign_in(same).status_code == 429
    other = browser("10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.5, 203.0.113.6")
    assert sign_in(other).status_code == 302


def test_without_a_proxy_the_header_means_nothing(ana: User) -> None:
    for n in range(5):
        sign_in(browser(HTTP_X_FORWARDED_FOR=f"192.0.2.{n}"), "ana", "wrong")
    assert sign_in(browser(HTTP_X_FORWARDED_FOR="192.0.2.99")).status_code == 429


@pytest.mark.parametrize("times", [200, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("spread", "counted"), [("one name, one address", 5), ("one name, many addresses", 100)]
)
def test_of_many_guesses_few_are_looked_at_and_the_owner_gets_in(
    ana: User, spread: str, counted: int, times: int
) -> None:
    """From a clean address with the password; after a hundred with a new one only."""
    one = browser()
    for n in range(times):
        client = one if spread.endswith("one address") else browser(f"10.1.{n // 250}.{n % 250}")
        assert sign_in(client, password=f"wrong {n}").status_code in (200, 429)
    ana.refresh_from_db()
    opened = sign_in(browser(AWAY)).status_code == 302
    assert (min(ana.failed_signins, 100), opened) == (counted, counted < 100)
    ana.set_password("another long pass phrase")
    ana.save()
    assert sign_in(browser(AWAY), password="another long pass phrase").status_code == 302


@pytest.mark.parametrize("times", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_guesses_over_many_names_close_nobodys_door(ana: User, times: int) -> None:
    client = browser()
    for n in range(times):
        assert sign_in(client, f"name {n}" if n else "ana", "wrong").status_code == 200
    assert sign_in(client).status_code == 302


def test_the_hundredth_wrong_word_is_the_last(ana: User) -> None:
    for n in range(99):
        sign_in(browser(f"10.2.0.{n}"), password="wrong")
    assert sign_in(browser(AWAY)).status_code == 302
    for n in range(100):
        sign_in(browser(f"10.3.0.{n}"), password="wrong")
    assert sign_in(browser(AWAY)).status_code == 200


# --- codes ---------------------------------------------------------------------------------------------


def test_wrong_codes_count_like_wrong_passwords(ana: User) -> None:
    enrol(ana)
    client = browser()
    sign_in(client)
    assert [client.post(CODE, {"code": f"00000{n}"}).status_code for n in range(5)] == [200] * 4 + [429]
    assert client.post(CODE, {"code": code()}).status_code == 429
    ana.refresh_from_db()
    assert (signed_in(client), ana.failed_signins) == (False, 5)


def test_a_code_is_good_once(ana: User) -> None:
    enrol(ana)
    first, second = browser(), browser(AWAY)
    for client in (first, second):
        sign_in(client)
    assert first.post(CODE, {"code": code()}).status_code == 302
    assert second.post(CODE, {"code": code()}).status_code == 200
    assert (signed_in(first), signed_in(second)) == (True, False)


@pytest.mark.parametrize(("seconds", "good"), [(-1, False), (0, True), (29, True), (30, False)])
def test_a_code_is_good_in_its_own_half_minute(ana: User, seconds: int, good: bool) -> None:
    enrol(ana)
    client = browser()
    sign_in(client)
    client.post(CODE, {"code": code(NOW + timedelta(seconds=seconds))})
    assert signed_in(client) is good


def test_codes_are_counted_from_all_addresses_too(ana: User, settings: Any) -> None:
    settings.SIGN_IN_TOTAL = 6
    enrol(ana)
    for address in range(3):
        client = browser(f"203.0.113.{address}")
        sign_in(client)
        [client.post(CODE, {"code": f"11111{n}"}) for n in range(2)]
    late = browser(AWAY)
    assert sign_in(late).status_code == 200
    assert not signed_in(late)


def test_a_found_session_cannot_guess_the_password(ana: User) -> None:
    """By changing it, and by confirming something delicate."""
    client = browser()
    sign_in(client)
    new = "a new and long pass phrase"
    for n in range(5):
        client.post(
            "/accounts/password/change/", {"oldpassword": f"wrong {n}", "password1": new, "password2": new}
        )
    asked = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    assert client.post("/accounts/password/change/", asked).status_code == 429
    assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 429


# --- known and unknown names ---------------------------------------------------------------------------


def test_a_name_that_exists_is_answered_like_one_that_does_not(ana: User) -> None:
    closed = make_staff(make_site("south"), "clinician", "bob")
    closed.is_active = False
    closed.save()
    pages = [sign_in(browser(f"203.0.113.{n}"), name, word) for n, (name, word) in enumerate(
        [("ana", "wrong"), ("eve", "wrong"), ("bob", "wrong"), ("bob", PASSWORD)])]  # fmt: skip
    assert {p.status_code for p in pages} == {200}
    assert len({len(p.content) for p in pages}) == 1
    assert len({tuple(p.context["form"].non_field_errors()) for p in pages}) == 1


def test_a_name_that_does_not_exist_is_locked_like_one_that_does(ana: User) -> None:
    assert guess(browser(), 6, "eve") == guess(browser(), 6, "ana")


# --- how long it takes -----------------------------------------------------------------------------------


@pytest.fixture
def costly(ana: User, settings: Any, monkeypatch: Any) -> None:
    """The real hash with less memory: still a hundred times what everything that differs may cost."""
    monkeypatch.setattr(Argon2, "memory_cost", 4 * 1024)
    settings.PASSWORD_HASHERS = ["patients.hashers.Argon2"]
    settings.SIGN_IN_TOTAL = 10**6
    ana.set_password(PASSWORD)
    ana.save()
    closed = make_staff(make_site("south"), "clinician", "bob")
    User.objects.filter(pk=closed.pk).update(is_active=False)


def asking(what: str, name: str) -> Any:
    """Asks from another address each time."""
    numbers = count()
    target = {
        "sign-in": ("/accounts/login/", {"login": name, "password": "wrong"}),
        "reset": ("/accounts/password/reset/", {"email": f"{name}@example.org"}),
        "sign-up": ("/accounts/signup/", {"username": name, "email": f"{name}@example.org"}),
    }[what]
    return lambda: browser(f"10.{name == 'ana':d}.{(n := next(numbers)) // 250}.{n % 250}").post(*target)


@pytest.mark.parametrize("what", ["sign-in", "reset", "sign-up"])
@pytest.mark.parametrize("times", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_known_and_unknown_names_take_as_long(costly: None, what: str, times: int) -> None:
    if times == 500:
        Argon2.memory_cost = 46 * 1024  # put back by the fixture
    assert apart(asking(what, "ana"), asking(what, "eve"), times) <= 10
    if what == "sign-in":
        assert apart(asking(what, "bob"), asking(what, "eve"), times // 5) <= 10


def test_this_way_of_measuring_tells_a_hash_from_none(costly: None) -> None:
    from django.contrib.auth.hashers import make_password

    Argon2.memory_cost = 46 * 1024
    assert apart(lambda: make_password("x" * 15), lambda: None, 5) > 10
