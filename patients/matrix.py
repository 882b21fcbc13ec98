"""The access matrix: one file says for every route and method which roles may use it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

FILE = Path(__file__).parent / "access_matrix.toml"
OPEN, SIGNED_IN, EMERGENCY = "open", "signed-in", "emergency"
MARKS = ("phi", EMERGENCY)


@cache
def rows() -> dict[str, dict[str, frozenset[str]]]:
    """Route name → method → roles (or "open", or "signed-in"); "emergency" where that may read, too."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return {
        name: {
            method: frozenset(table["roles"].get(entry, [entry])) | _by_emergency(row, method)
            for method, entry in row.items()
            if method not in MARKS
        }
        for name, row in table["routes"].items()
    }


def _by_emergency(row: dict[str, Any], method: str) -> frozenset[str]:
    return frozenset({EMERGENCY} if row.get(EMERGENCY) and method == "GET" else ())


@cache
def patient_data() -> frozenset[str]:
    """Routes whose answers hold patient data; each reading of them is logged."""
    table = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return frozenset(name for name, row in table["routes"].items() if row.get("phi"))


def roles(route: str, method: str) -> frozenset[str]:
    """Roles that may use a route by a method; nobody when there is no row. HEAD and OPTIONS are like GET."""
    return rows().get(row_of(route), {}).get(_like(method), frozenset())


def read_patient(route: str, method: str, kwargs: Mapping[str, Any]) -> UUID | None:
    """The patient that a request asks to read, where emergency access may do that."""
    found = kwargs.get("patient")
    return found if isinstance(found, UUID) and EMERGENCY in roles(route, method) else None


def names(route: str, method: str) -> bool:
    """Whether the route's row has an entry for the method, be it for nobody."""
    return _like(method) in rows().get(row_of(route), {})


def _like(method: str) -> str:
    return "GET" if method in ("HEAD", "OPTIONS") else method


def holds_patient_data(route: str) -> bool:
    return row_of(route) in patient_data()


@cache
def row_of(route: str) -> str:
    """The name of the row that covers a route: its own, else the first pattern that fits, else ""."""
    if route in rows():
        return route
    return next((name for name in rows() if "*" in name and fnmatchcase(route, name)), "")
