"""People who sign in with a browser, from some address, with or without a second factor."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from patients.models import Site, User
from tests.factories.people import PASSWORD, make_site, make_staff

NOW = datetime(2027, 3, 1, 11, 0, tzinfo=UTC)
LOGIN, CODE = "/accounts/login/", "/accounts/2fa/authenticate/"
SECRET = base64.b32encode(b"twenty bytes of key.").decode()
HOME, AWAY = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(NOW, tick=False) as found:
        yield found


@pytest.fixture
def ana(everywhere: None, clock: Any) -> User:
    """A coordinator of the site north."""
    return make_staff(make_site("north"), "coordinator", "ana")


@pytest.fixture
def north(ana: User) -> Site:
    return Site.objects.get(code="north")


@pytest.fixture
def required(settings: Any) -> None:
    """A second factor is required, as in production."""
    settings.SECOND_FACTOR_REQUIRED = True


def browser(address: str = HOME, **more: Any) -> Client:
    return Client(REMOTE_ADDR=address, raise_request_exception=False, **more)


def sign_in(client: Client, name: str = "ana", password: str = PASSWORD, **more: Any) -> Any:
    return client.post(LOGIN, {"login": name, "password": password, **more})


def signed_in(client: Client) -> bool:
    return client.get("/api/v1/sites/").status_code == 200


def enrol(user: User) -> None:
    """Gives the person an authenticator app."""
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(user, SECRET)


def code(moment: datetime = NOW, secret: str = SECRET) -> str:
    """RFC 6238: what the app shows at a moment."""
    counter = struct.pack(">Q", int(moment.timestamp()) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06d}"
