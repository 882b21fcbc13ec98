"""The catalogue files that ship, read once. The only place in this room that reads them."""

from __future__ import annotations

import hashlib
import tomllib
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from patients.rules.catalog import Catalog, FactorProducts, parse_catalog, parse_products

FOLDER = Path(__file__).parent / "catalog"


@cache
def catalog() -> Catalog:
    """The analytes."""
    return parse_catalog(_read("analytes_v1.toml"))[0]


@cache
def products() -> FactorProducts:
    """The factor concentrates."""
    return parse_products(_read("factor_products_v1.toml"))[0]


def faults() -> list[tuple[str, str]]:
    """Every fault of the catalogue files, as (file, message), and files that differ from LOCK."""
    found = [("analytes_v1.toml", text) for text in parse_catalog(_read("analytes_v1.toml"))[1]]
    found += [
        ("factor_products_v1.toml", text) for text in parse_products(_read("factor_products_v1.toml"))[1]
    ]
    for line in (FOLDER / "LOCK").read_text().splitlines():
        sha, name = line.split(maxsplit=1)
        if hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() != sha:
            found.append((name, "was edited after its release: make a new version instead"))
    return found


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"), parse_float=Decimal)
