"""Reads the environment: addresses, secrets, and what a production installation must state."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("DAYMARK_VAR") or ROOT / "var")
REQUIRED = ("SECRET_KEY", "ALLOWED_HOSTS", "BASE_URL", "DATABASE_URL", "REDIS_URL", "EMAIL_URL")
REQUIRED_KEYS = ("MIGRATION_DATABASE_URL", "FIELD_KEYS", "SEAL_KEY")


class ConfigurationError(Exception):
    """The environment does not allow a start; the message names every mend at once."""


def production() -> bool:
    return os.environ.get("DAYMARK_ENV", "demo") == "production"


def check_production(environ: Mapping[str, str]) -> None:
    """Raises ConfigurationError naming every setting that production needs and does not have."""
    missing = [name for name in (*REQUIRED, *REQUIRED_KEYS) if not environ.get(name)]
    if missing:
        raise ConfigurationError(
            "DAYMARK_ENV=production needs these environment variables, which are unset: "
            + ", ".join(missing)
            + ". Set each one, or leave DAYMARK_ENV unset for a demonstration on this machine."
        )


def database(url: str, role: str | None) -> dict[str, Any]:
    """Django's settings for a `postgresql://user:password@host:port/name` URL.

    The host may be a percent-encoded socket directory. Connections start as `role` (None: as the
    user of the URL), so that even RESET ROLE lands there. Raises ConfigurationError for other schemes.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ConfigurationError(f"DATABASE_URL must start with postgresql://, not {parts.scheme}://")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    options["options"] = " ".join(_session(role))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(_host(parts.netloc)),
        "PORT": str(parts.port or ""),
        "OPTIONS": options,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }


def _session(role: str | None) -> list[str]:
    limits = {
        "statement_timeout": "60s",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "120s",
    }
    if role:
        limits["role"] = role
    return [f"-c {name}={value}" for name, value in limits.items()]


def _host(netloc: str) -> str:
    """The host as written: urlsplit lower-cases it, which would spoil a socket path."""
    host = netloc.rsplit("@", 1)[-1]
    return host.rsplit(":", 1)[0] if ":" in host and not host.endswith("]") else host


def email(url: str) -> dict[str, Any]:
    """Django's mail settings for smtp://, smtp+tls:// or filemail:///directory URLs."""
    parts = urlsplit(url)
    if parts.scheme == "filemail":
        return {
            "EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "EMAIL_FILE_PATH": unquote(parts.path),
        }
    if parts.scheme not in ("smtp", "smtp+tls"):
        raise ConfigurationError(f"EMAIL_URL must start with smtp://, smtp+tls:// or filemail://, not {url}")
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts.hostname or "localhost",
        "EMAIL_PORT": parts.port or (587 if parts.scheme == "smtp+tls" else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": parts.scheme == "smtp+tls",
    }


def generated(name: str) -> str:
    """The environment variable, or (outside production) a secret made once and kept in var/."""
    if name in os.environ:
        return os.environ[name]
    path = VAR / "secrets" / name.lower()
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(48))
        with suppress(FileExistsError):
            os.link(made, path)  # whole or not at all: other processes start at the same moment
        made.unlink()
    return path.read_text().strip()


def listed(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]
