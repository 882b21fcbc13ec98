"""What a request may not do by its form alone: write without a token, write by reading, lead elsewhere, be framed."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.db import connection

from config.logs import JsonLines
from patients import matrix
from patients.models.audit import SealedEvent
from tests.abuse.world import WORD, Browser, Place, often, routes
from tests.factories.people import PASSWORD

WITHOUT_A_TOKEN = {"mail-unsubscribe"}
"""A mail program posts there on one click: the link itself is the right to do so."""
ELSEWHERE = (
    "https://evil.example", "http://evil.example/", "//evil.example", "///evil.example", "////evil.example/a",
    "/\\evil.example", "\\\\evil.example", "\\/evil.example", "/\t/evil.example", "\t//evil.example", " //evil.example",
    "//evil.example\\@testserver", "https:evil.example", "https:/evil.example", "https:///evil.example", "HTTPS://EVIL.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "ftp://evil.example",
    "//testserver@evil.example", "http://testserver@evil.example", "http://testserver.evil.example", "//%65vil.example",
    "http://[::1]evil", "/%09/evil.example", "//evil.example/%2f..", "https://evil.example?testserver",
)  # fmt: skip


def events() -> int:
    """How many audit events there are, of all tables."""
    tables = [m._meta.db_table for m in apps.get_models() if issubclass(m, SealedEvent)]
    with connection.cursor() as cursor:
        cursor.execute("select " + " + ".join(f'(select count(*) from "{t}")' for t in tables))
        return int(cursor.fetchone()[0])


def test_every_write_with_a_session_needs_the_token(place: Place) -> None:
    """Signing in, too: nobody is signed in under another name unawares."""
    strict = Browser(enforce_csrf_checks=True, raise_request_exception=False)
    strict.cookies = place.browsers["clinician"].cookies
    accepted, tried = [], 0
    for route in routes():
        for method in {"POST", "PUT", "PATCH", "DELETE"} & set(matrix.rows()[matrix.row_of(route.name)]):
            if route.name in WITHOUT_A_TOKEN or not matrix.roles(route.name, method):
                continue
            answer = getattr(strict, method.lower())(place.url(route), content_type="application/json")
            tried += 1
            if answer.status_code not in (403, 405):
                accepted.append((method, route.name, answer.status_code))
    assert tried > 80
    assert accepted == []


@contextmanager
def logged() -> Iterator[io.StringIO]:
    """All that is logged meanwhile, down to the least, as it would stand in the log."""
    told, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(told), root.level
    handler.setFormatter(JsonLines())
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield told
    finally:
        root.setLevel(level)
        root.removeHandler(handler)


def test_reading_writes_nothing_and_every_answer_says_how_it_may_be_shown(place: Place) -> None:
    """No audit event, no name in the log, and on every answer the headers against framing, sniffing and keeping."""
    before, faults = events(), []
    with logged() as log:
        for route in filter(often, routes()):
            for who in ("clinician", "anonymous"):
                answer = place.ask(who, "GET", place.url(route))
                faults += [(route.name, who, name) for name in _lacking(answer)]
    assert events() == before
    assert faults == []
    assert WORD not in log.getvalue().casefold()


def _lacking(answer: Any) -> Iterator[str]:
    wanted = {
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }
    yield from (name for name, value in wanted.items() if answer.get(name) != value)
    policy = answer.get("Content-Security-Policy", "")
    if "frame-ancestors 'none'" not in policy or "script-src 'self'" not in policy or "unsafe" in policy:
        yield "Content-Security-Policy"
    if not {"no-store", "private"} & set(answer.get("Cache-Control", "").replace(",", " ").split()):
        yield "Cache-Control"


@pytest.mark.parametrize("where", ["login", "logout"])
def test_no_form_of_next_leads_elsewhere(place: Place, where: str) -> None:
    faults = []
    for target in ELSEWHERE:
        who, sent = "clinician", {"next": target}
        if where == "login":
            who, sent = (
                "anonymous",
                {**sent, "login": place.world.user("clinician").username, "password": PASSWORD},
            )
        answer = place.asked(who, "POST", f"/accounts/{where}/", sent)
        to = answer.headers.get("Location", "")
        found = urlsplit(to.replace("\\", "/").strip())
        if answer.status_code != 302 or found.scheme or found.netloc or to.startswith("//"):
            faults.append((target, answer.status_code, to))
    assert faults == []


def test_asking_for_a_new_password_says_the_same_of_every_address(place: Place) -> None:
    known = place.world.user("clinician").email
    answers = [
        place.asked("anonymous", "POST", "/accounts/password/reset/", {"email": address})
        for address in (known, "zlinician-canary-north@example.org")
    ]
    assert {(a.status_code, a.headers.get("Location")) for a in answers} == {
        (302, "/accounts/password/reset/done/")
    }
