"""Commands as processes of their own on the test's database, and a committed site with a source and a patient."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from patients.access import everywhere
from patients.models import Patient, Site
from patients.services import sites
from tests.factories.people import PatientFactory, make_site

ROOT = Path(__file__).parent.parent.parent
HEADER = "mrn,family_name,loinc,value,unit,collected_at,reference_high,source_id"


def started(*arguments: object) -> subprocess.Popen[str]:
    """`manage.py …` with the test's database, its two outputs as pipes."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def lab(code: str = "lab", **more: str) -> tuple[Site, Patient]:
    """A site with one patient, and a source of that code; all committed."""
    with everywhere(by="t"):
        site = make_site(f"site-{code}")
    with everywhere(by="t"):
        sites.create_source(code=code, site=site, **more)
        return site, PatientFactory(site=site)


def alt(patient: Patient, number: int, value: int = 30) -> str:
    """One row of a laboratory's table."""
    at = datetime(2026, 1, 1, 8, tzinfo=UTC) + timedelta(hours=number)
    return f"{patient.mrn},{patient.family_name},1742-6,{value},U/L,{at.isoformat()},40,a{number}"


def until(true: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.05)
    return False
