"""The pathway and policy files that ship, read once. The only place in workflow that reads them.

A file is `protocols/<code>_v<n>.toml` or `policies/<code>_v<n>.toml`. `LOCK` beside them keeps the SHA-256
of each released file, because a patient is pinned to a version: what a released file says never changes.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from patients.data import catalog, products
from workflow.rules.gate_kinds import Known
from workflow.rules.protocol import Protocol
from workflow.rules.protocol_parse import (
    PathwayFile,
    PolicyFile,
    Release,
    merge,
    merge_faults,
    parse_pathway,
    parse_policy,
)
from workflow.rules.reading import Fault
from workflow.rules.reminders import ReminderFile, parse_reminders
from workflow.rules.retention import RetentionFile, parse_retention

HERE = Path(__file__).parent
F = TypeVar("F", PathwayFile, PolicyFile)
Own = TypeVar("Own", ReminderFile, RetentionFile)
FOLDERS = {"pathway": HERE / "protocols", "policy": HERE / "policies"}
REMINDERS = HERE / "reminders"
RETENTION = HERE / "retention"


@dataclass(frozen=True, slots=True)
class FileFault:
    """A fault of a data file, as `check_protocols` prints it."""

    file: str
    key: str
    message: str


@cache
def protocol(pathway: str, pathway_version: str | None, policy: str, policy_version: str | None) -> Protocol:
    """One pathway version under one policy version. None stands for the newest released version.

    Raises LookupError when there is no such version, or the policy does not cover the pathway.
    """
    turnaround = {code: analyte.turnaround_days for code, analyte in catalog().analytes.items()}
    merged = merge(
        _version(_pathway_files(), pathway, pathway_version),
        _version(_policy_files(), policy, policy_version),
        {code: days for code, days in turnaround.items() if days is not None},
    )
    washout = {code: product.washout_days for code, product in products().products.items()}
    return replace(merged, washout_days={**washout, "": products().unknown_washout_days})


@cache
def reminders() -> ReminderFile:
    """After how long silence goes to somebody else: the newest released version."""
    found, _ = _own_files(REMINDERS, parse_reminders)
    return max((f for f in found if f.release.status == "released"), key=lambda f: int(f.release.version))


@cache
def retention() -> RetentionFile:
    """On which grounds a record may be deleted, and from when on: the newest released version."""
    found, _ = _own_files(RETENTION, parse_retention)
    return max((f for f in found if f.release.status == "released"), key=lambda f: int(f.release.version))


def _own_files(
    folder: Path, parse: Callable[[Mapping[str, Any]], tuple[Own | None, list[Fault]]]
) -> tuple[list[Own], list[FileFault]]:
    files, faults = [], []
    for path in sorted(folder.glob("*.toml")):
        faulty: list[Fault] = []
        raw = _raw(path, faulty)
        file: Own | None = None
        more: list[Fault] = []
        if not faulty:
            file, more = parse(raw)
        faults += [FileFault(_name(path), f.key, f.message) for f in (*faulty, *more)]
        files += [file] if file else []
    return files, faults


def attestation_codes() -> frozenset[str]:
    """Every attestation code that some pathway asks for."""
    return frozenset(_all_pathways("attestation_codes"))


@cache
def decision_rules() -> frozenset[str]:
    """The safety rules whose alert asks for a decision on steroids; the others only ask to be looked at."""
    return frozenset(t.rule for f in _pathway_files() for t in f.protocol.triggers if t.decision_task)


def codes(kind: str) -> frozenset[str]:
    """The codes of all released files of a kind, "pathway" or "policy"."""
    return frozenset(r.code for r in releases(kind) if r.status == "released")


def pathways() -> tuple[Release, ...]:
    """Every version of every pathway with status and effective dates, by code and version."""
    return releases("pathway")


def policies() -> tuple[Release, ...]:
    return releases("policy")


def releases(kind: str) -> tuple[Release, ...]:
    files = _pathway_files() if kind == "pathway" else _policy_files()
    return tuple(sorted((f.release for f in files), key=lambda r: (r.code, int(r.version))))


def version_in_force(kind: str, code: str, on: date) -> str:
    """The newest released version of a pathway or policy that is in force on a date; else LookupError."""
    found = [r for r in releases(kind) if r.code == code and r.status == "released" and _in_force(r, on)]
    if not found:
        raise LookupError(f"no {kind} {code} is in force on {on}")
    return found[-1].version


def covered(pathway: str, policy: str) -> bool:
    """Whether the newest version of a policy may be used with a pathway."""
    return _version(_policy_files(), policy, None).covers(pathway)


def _in_force(release: Release, on: date) -> bool:
    return release.effective_from <= on and (release.effective_to is None or on <= release.effective_to)


def _version(files: tuple[F, ...], code: str, version: str | None) -> F:
    found = [f for f in files if f.release.code == code and version in (None, f.release.version)]
    if version is None:
        found = [f for f in found if f.release.status == "released"]
    if not found:
        raise LookupError(f"there is no {code} version {version or 'released'}")
    return max(found, key=lambda f: int(f.release.version))


def faults() -> tuple[FileFault, ...]:
    """Every fault of every pathway and policy file, each with file and key; nothing when all is well."""
    own = (*_own_files(REMINDERS, parse_reminders)[1], *_own_files(RETENTION, parse_retention)[1])
    return (*_read()[2], *_merge_faults(), *own, *lock_faults())


def lock_faults(folders: Iterable[Path] | None = None) -> tuple[FileFault, ...]:
    """Released files that differ from LOCK or are missing in it, and locked files that are gone."""
    known = folders or (*FOLDERS.values(), REMINDERS, RETENTION)
    return tuple(fault for folder in known for fault in _lock_faults(folder))


def _lock_faults(folder: Path) -> Iterator[FileFault]:
    locked = _locked(folder)
    for path in sorted(folder.glob("*.toml")):
        known = locked.pop(path.name, None)
        if known is None and _raw(path, []).get("status") == "released":
            yield FileFault(_name(path), "status", "is released, but its hash is not in LOCK")
        elif known not in (None, digest(path)):
            yield FileFault(_name(path), "", "was edited after its release: make a new version instead")
    for name in locked:
        yield FileFault(f"{folder.name}/{name}", "", "is in LOCK, but the file is gone")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _locked(folder: Path) -> dict[str, str]:
    """File name to hash, from lines as `sha256sum` writes them."""
    lines = (folder / "LOCK").read_text().splitlines()
    return {name: sha for sha, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def forget() -> None:
    """Reads the files anew at the next question."""
    _read.cache_clear()
    decision_rules.cache_clear()
    protocol.cache_clear()


def _merge_faults() -> Iterator[FileFault]:
    for policy in _policy_files():
        name = _file_of("policy", policy.release)
        for code in sorted(set(policy.pathways) - _all_pathways("code")):
            yield FileFault(name, "pathways", f"“{code}” is no known pathway")
        for pathway in _pathway_files():
            if policy.covers(pathway.release.code):
                yield from (FileFault(name, f.key, f.message) for f in merge_faults(pathway, policy))


def _pathway_files() -> tuple[PathwayFile, ...]:
    return _read()[0]


def _policy_files() -> tuple[PolicyFile, ...]:
    return _read()[1]


@cache
def _read() -> tuple[tuple[PathwayFile, ...], tuple[PolicyFile, ...], tuple[FileFault, ...]]:
    """All files, parsed; a file with faults is left out, so nobody can be pinned to it."""
    known = Known(analytes=frozenset(catalog().analytes))
    found: list[FileFault] = []
    pathway_files = _parsed("pathway", parse_pathway, known, found)
    attestations = attestation_codes()
    policy_files = _parsed("policy", parse_policy, replace(known, attestations=attestations), found)
    return pathway_files, policy_files, tuple(found)


def _parsed(
    kind: str,
    parse: Callable[[Mapping[str, Any], Known], tuple[F | None, list[Fault]]],
    known: Known,
    found: list[FileFault],
) -> tuple[F, ...]:
    files = []
    for path in sorted(FOLDERS[kind].glob("*.toml")):
        faulty: list[Fault] = []
        raw = _raw(path, faulty)
        parsed, more = parse(raw, known) if not faulty else (None, [])
        if parsed is not None and _name(path) != _file_of(kind, parsed.release):
            more.append(Fault("version", "code and version must be those of the file name"))
        faulty.extend(more)
        found.extend(FileFault(_name(path), f.key, f.message) for f in faulty)
        if parsed is not None and not faulty:
            files.append(parsed)
    return tuple(files)


def _all_pathways(key: str) -> set[str]:
    """What all pathway files, sound or not, say under a key: one faulty file makes no faults in others."""
    said: set[str] = set()
    for path in FOLDERS["pathway"].glob("*.toml"):
        value = _raw(path, []).get(key, [])
        said.update([value] if isinstance(value, str) else value)
    return said


def _raw(path: Path, faults: list[Fault]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault("", f"is no TOML: {error}"))
        return {}


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _file_of(kind: str, release: Release) -> str:
    return f"{FOLDERS[kind].name}/{release.code}_v{release.version}.toml"
