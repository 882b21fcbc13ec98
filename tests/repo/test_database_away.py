"""While the database is away people are told so, and that nothing was stored; it is no fault of their request."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client

from config.embedded import free_port


@pytest.fixture
def away(transactional_db: None) -> Iterator[Client]:
    """Somebody while the server's port is closed."""
    port = connection.settings_dict["PORT"]
    connection.close()
    connection.settings_dict["PORT"] = str(free_port(0))
    try:
        yield Client(raise_request_exception=False)
    finally:
        connection.close()
        connection.settings_dict["PORT"] = port


@pytest.mark.parametrize(
    ("path", "media", "words"),
    [
        ("/api/v1/patients/", "application/problem+json", "Nothing was stored"),
        ("/fhir/R4/Patient", "application/fhir+json", "Nothing was stored"),
        ("/admin/today/", "text/html; charset=utf-8", "was not stored"),
    ],
)
def test_what_is_asked_while_the_database_is_away_may_be_tried_again(
    away: Client, path: str, media: str, words: str
) -> None:
    away.cookies["sessionid"] = "x" * 32
    answer = away.get(path, headers={"authorization": "Bearer 0123456789abcdef"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (503, media)
    assert words in answer.content.decode() and answer.headers["Retry-After"] == "5"
