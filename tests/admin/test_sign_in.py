"""Wrong passwords: counted for one name from one address, and then even the right one does not open."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.factories.people import PASSWORD, make_staff

pytestmark = pytest.mark.django_db
LIMIT = 5


def sign_in(client: Client, name: str, password: str, address: str = "10.0.0.1") -> int:
    answer = client.post("/accounts/login/", {"login": name, "password": password}, REMOTE_ADDR=address)
    return answer.status_code


def test_five_wrong_passwords_lock_that_name_at_that_address_only(site: Any, client: Client) -> None:
    make_staff(site, "clinician", "dr-a")
    make_staff(site, "clinician", "dr-b")
    tried = [sign_in(client, "dr-a", f"wrong {n}") for n in range(LIMIT)]
    assert tried == [200] * (LIMIT - 1) + [429]
    assert sign_in(client, "dr-a", PASSWORD) == 429
    assert sign_in(client, "dr-b", PASSWORD) == 302
    assert sign_in(Client(), "dr-a", PASSWORD, "10.0.0.2") == 302


def test_a_right_password_in_time_starts_the_count_anew(site: Any, client: Client) -> None:
    make_staff(site, "clinician", "dr-a")
    for _ in range(2):
        assert [sign_in(Client(), "dr-a", "wrong") for _ in range(LIMIT - 1)] == [200] * (LIMIT - 1)
        assert sign_in(Client(), "dr-a", PASSWORD) == 302
