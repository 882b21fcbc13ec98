"""What the product is made of: every dependency is pinned with hashes and licensed for this use; no secret is kept here."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECRETS = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\bxox[abp]-[0-9A-Za-z-]{10,}"
    r"|\beyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}\.|\bsk-[A-Za-z0-9]{32,}\b|\bglpat-[A-Za-z0-9_-]{20}\b"
    r"|(?i:(?:postgres(?:ql)?|redis|smtp)://[^\s:/@'\"{<%]+:(?!none@|[A-Z_]*PASSWORD@)[^\s@'\"{<%]{12,}@)"
)
UNUSABLE = re.compile(r"\b(AGPL|Affero|SSPL|GPL|proprietary|commercial use only)\b", re.IGNORECASE)


def test_every_dependency_is_pinned_with_hashes() -> None:
    lines = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    pins = [line for line in lines if line.strip() and not line.startswith(("#", " "))]
    assert len(pins) > 100
    assert [p for p in pins if not re.match(r"\S+==\S+", p) or "--hash=sha256:" not in p] == []


def test_no_secret_is_in_a_file() -> None:
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    files = [ROOT / n for n in names.split("\0") if n]
    if not files:
        pytest.skip("this is no git checkout")
    read = ((f, f.read_text(encoding="utf-8", errors="ignore")) for f in files if f.is_file())
    assert [f.name for f, text in read if SECRETS.search(text) and f.name != "test_supply.py"] == []


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN RSA PRIVATE KEY-----",
        "AKIA" + "A" * 16,
        "redis://u:" + "k" * 20 + "@host",
        "ghp_" + "a" * 36,
    ],
)
def test_a_secret_would_be_found(text: str) -> None:
    assert SECRETS.search(f'KEY = "{text}"')


def needed(name: str, found: set[str]) -> set[str]:
    """A distribution and all it needs at run time here."""
    if name in found:
        return found
    try:
        asks = metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return found
    found.add(name)
    for ask in asks:
        if "extra ==" not in ask:
            needed(re.split(r"[^A-Za-z0-9._-]", ask, maxsplit=1)[0].lower(), found)
    return found


def test_nothing_that_runs_has_a_licence_that_binds_its_users() -> None:
    """Copyleft of libraries that are used as they are (LGPL, MPL) is fine."""
    import tomllib

    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found: set[str] = set()
    for ask in told:
        needed(re.split(r"[^A-Za-z0-9._-]", ask, maxsplit=1)[0].lower(), found)
    assert len(found) > 40
    bad = {name: text for name in sorted(found) if UNUSABLE.search(text := _licence(name))}
    assert bad == {}


def _licence(name: str) -> str:
    told = metadata.metadata(name)
    classified = [c for c in told.get_all("Classifier") or [] if c.startswith("License")]
    return told.get("License-Expression") or " ".join(classified) or (told.get("License") or "")[:100]


def test_production_settings_pass_the_deployment_check() -> None:
    nowhere = "postgresql://none@127.0.0.1:1/none"
    usual = {k: v for k, v in os.environ.items() if k != "DJANGO_ALLOW_ASYNC_UNSAFE"}  # browser tests set it
    env = {
        **usual, "DAYMARK_ENV": "production", "SECRET_KEY": "".join(chr(97 + n % 26) for n in range(60)), "FIELD_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "SEAL_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "DATABASE_URL": nowhere, "MIGRATION_DATABASE_URL": nowhere,
        "REDIS_URL": "redis://127.0.0.1:1/0", "EMAIL_URL": "smtp://127.0.0.1:1", "ALLOWED_HOSTS": "daymark.example.org",
        "BASE_URL": "https://daymark.example.org", "DJANGO_SETTINGS_MODULE": "config.settings",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
