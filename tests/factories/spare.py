"""A second database of the test server, for what may not happen to the test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.db import connection


@contextmanager
def spare_database(template: str = "template1") -> Iterator[None]:
    """A database made from a template (empty by default), in place of the test's own."""
    own = connection.settings_dict["NAME"]
    spare, place = f"{own}_spare", os.environ["DATABASE_URL"].rsplit("/", 1)[0]
    with psycopg.connect(f"{place}/postgres", autocommit=True) as owner:
        owner.execute(f"drop database if exists {spare} with (force)")
        owner.execute(f"create database {spare} template {template}")
        connection.close()
        connection.settings_dict["NAME"] = spare
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = own
            owner.execute(f"drop database {spare} with (force)")
