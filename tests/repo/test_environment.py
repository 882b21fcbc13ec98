"""Production refuses to start half-configured; addresses are read as written."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from config import env
from config.embedded import EmbeddedError, free_port

ROOT = Path(__file__).parent.parent.parent


def test_production_names_everything_that_is_missing_at_once() -> None:
    with pytest.raises(env.ConfigurationError) as error:
        env.check_production({"SECRET_KEY": "x"})
    for name in (
        "ALLOWED_HOSTS",
        "BASE_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "EMAIL_URL",
        "FIELD_KEYS",
        "SEAL_KEY",
    ):
        assert name in str(error.value)
    assert "SECRET_KEY" not in str(error.value)


def test_the_product_itself_refuses() -> None:
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME")}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT, env={**kept, "DAYMARK_ENV": "production"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "ALLOWED_HOSTS" in done.stderr


@pytest.mark.parametrize(
    ("url", "host", "port", "name", "password"),
    [
        ("postgresql://u:p%40x@db.example:5433/d", "db.example", "5433", "d", "p@x"),
        ("postgresql://u@%2Fvar%2FRun/d", "/var/Run", "", "d", ""),
        ("postgres://u:p@127.0.0.1/d", "127.0.0.1", "", "d", "p"),
    ],
)
def test_database_urls(url: str, host: str, port: str, name: str, password: str) -> None:
    found = env.database(url, "daymark_app")
    assert (found["HOST"], found["PORT"], found["NAME"], found["PASSWORD"]) == (host, port, name, password)
    assert "-c role=daymark_app" in found["OPTIONS"]["options"]


def test_mail_urls() -> None:
    assert env.email("smtp://localhost:2525")["EMAIL_PORT"] == 2525
    assert env.email("smtp+tls://u:p%2Fq@mail:587")["EMAIL_HOST_PASSWORD"] == "p/q"
    assert env.email("smtp+tls://mail")["EMAIL_USE_TLS"] is True
    assert env.email("filemail:///some/folder")["EMAIL_FILE_PATH"] == "/some/folder"
    for bad in ("ftp://x", "mail"):
        with pytest.raises(env.ConfigurationError):
            env.email(bad)


def test_a_busy_port_is_named() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(EmbeddedError, match=str(port)):
            free_port(port)


def test_processes_that_start_together_make_one_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(env, "VAR", tmp_path)
    for attempt in range(20):
        name = f"SECRET_{attempt}"
        with ThreadPoolExecutor(16) as pool:
            found = set(pool.map(env.generated, [name] * 16))
        assert len(found) == 1 and len(found.pop()) > 40
        assert [p.name for p in (tmp_path / "secrets").iterdir() if "." in p.name] == []
