"""The contract and catalogue files that ship, read once. The only place in this room that reads them."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from outcomes.rules.codes import Codes, parse_codes
from outcomes.rules.contract import Contract, parse_contract
from outcomes.rules.figure_months import FigureMonths, parse_figures
from outcomes.rules.measure_rules import MeasureRules, parse_measures
from outcomes.rules.packet_file import PacketFile, parse_packet
from patients.data import products
from workflow.data import lock_faults
from workflow.rules.reading import Fault

FOLDER = Path(__file__).parent / "contracts"
CATALOG = Path(__file__).parent / "catalog"
T = TypeVar("T", Codes, PacketFile, MeasureRules, FigureMonths)


@dataclass(frozen=True, slots=True)
class FileFault:
    file: str
    key: str
    message: str


def contracts() -> tuple[Contract, ...]:
    """Every sound contract version, by code and version."""
    return _read()[0]


def contract(code: str, version: str) -> Contract:
    """One version of a contract; LookupError when there is none."""
    found = [c for c in contracts() if c.code == code and c.version == version]
    if not found:
        raise LookupError(f"there is no contract {code} version {version}")
    return found[0]


def contract_id(found: Contract) -> UUID:
    """A stable id of a contract: the same for all its versions."""
    return uuid5(NAMESPACE_URL, f"daymark:contract:{found.code}")


def find_contract(text: str) -> Contract | None:
    """The newest version of a contract by code or id."""
    found = [c for c in contracts() if text in (c.code, str(contract_id(c)))]
    return found[-1] if found else None


def in_force(code: str, on: date) -> Contract:
    """The newest released version of a contract in force on a date; LookupError when there is none."""
    found = [c for c in contracts() if c.code == code and c.status == "released" and c.effective_from <= on]
    found = [c for c in found if c.effective_to is None or on <= c.effective_to]
    if not found:
        raise LookupError(f"no contract {code} is in force on {on}")
    return found[-1]


def faults() -> tuple[FileFault, ...]:
    """Every fault of every contract and catalogue file, and released files that differ from LOCK."""
    locked = (FileFault(f.file, f.key, f.message) for f in lock_faults([CATALOG]))
    return (*_read()[1], *_lock_faults(), *_catalog_faults(), *locked)


@cache
def codes() -> Codes:
    """The newest version of the billing codes."""
    return _newest("codes", parse_codes)


@cache
def packet_file() -> PacketFile:
    """The newest version of what a prior-authorization packet holds."""
    return _newest("packet", parse_packet)


@cache
def measure_rules() -> MeasureRules:
    """The newest version of the numbers that milestones are measured by."""
    return _newest("measures", _parse_measures)


@cache
def figure_months() -> FigureMonths:
    """The newest version of the months at which figures over many patients are drawn."""
    return _newest("figures", parse_figures)


def _parse_measures(raw: Mapping[str, Any]) -> tuple[MeasureRules | None, list[Fault]]:
    return parse_measures(raw, products().washout)


def _newest(code: str, parse: Callable[[Mapping[str, Any]], tuple[T | None, list[Fault]]]) -> T:
    path = max(CATALOG.glob(f"{code}_v*.toml"), key=lambda p: int(p.stem.rpartition("_v")[2]))
    found, faults = parse(_raw(path))
    if found is None:
        raise LookupError(f"{path.name}: {'; '.join(f'{f.key} {f.message}' for f in faults)}")
    return found


PARSERS: dict[str, Callable[[Mapping[str, Any]], tuple[Any, list[Fault]]]] = {
    "codes": parse_codes,
    "packet": parse_packet,
    "measures": _parse_measures,
    "figures": parse_figures,
}


def _catalog_faults() -> Iterator[FileFault]:
    for code, parse in PARSERS.items():
        for path in sorted(CATALOG.glob(f"{code}_v*.toml")):
            found, faults = parse(_raw(path))
            if found is not None and path.stem != f"{found.code}_v{found.version}":
                faults = [*faults, Fault("version", "code and version must be those of the file name")]
            yield from (FileFault(f"catalog/{path.name}", f.key, f.message) for f in faults)


@cache
def _read() -> tuple[tuple[Contract, ...], tuple[FileFault, ...]]:
    found: list[Contract] = []
    faulty: list[FileFault] = []
    for path in sorted(FOLDER.glob("*.toml")):
        parsed, faults = parse_contract(_raw(path))
        if parsed is not None and path.stem != f"{parsed.code}_v{parsed.version}":
            faults = [*faults, Fault("version", "code and version must be those of the file name")]
        faulty.extend(FileFault(f"contracts/{path.name}", f.key, f.message) for f in faults)
        if parsed is not None and not faults:
            found.append(parsed)
    return tuple(sorted(found, key=lambda c: (c.code, int(c.version)))), tuple(faulty)


def _raw(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)


def _lock_faults() -> list[FileFault]:
    found = []
    for line in (FOLDER / "LOCK").read_text().splitlines():
        sha, name = line.split(maxsplit=1)
        path = FOLDER / name
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha:
            found.append(
                FileFault(f"contracts/{name}", "", "was edited after its release: make a new version instead")
            )
    return found
