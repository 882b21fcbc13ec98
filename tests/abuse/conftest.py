"""One world for all tests of this folder, in a transaction that is never committed; each case is undone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import transaction

from patients import access
from tests.abuse import world
from tests.abuse.world import Place
from tests.api.conftest import NOW


@pytest.fixture(scope="package")
def made(django_db_setup: None, django_db_blocker: Any) -> Iterator[Place]:
    with django_db_blocker.unblock(), transaction.atomic():
        with access.everywhere(by="test"), time_machine.travel(NOW, tick=False):
            yield world.make()
        transaction.set_rollback(True)


@pytest.fixture
def place(made: Place, django_db_blocker: Any) -> Iterator[Place]:
    """That world; whatever the case does to it is undone."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield made
        transaction.set_rollback(True)
