"""A drop folder on disk: what lies still in it is claimed, imported and put away, one file at a time.

A claimed file lies in working/<id of its import>/ until its report and then the file itself are moved to done/
or failed/. Every step is one rename, so a process that dies leaves a state from which the next one goes on.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from patients.ids import new_id

IGNORED_ENDS = (".part", ".tmp")
REPORT, ASIDE = ".json", ".report"
MAX_NAME = 200
Look = tuple[int, int, int]


class Taken(Exception):
    """Another process watches this folder."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that is being imported: the id of its import, and where it lies meanwhile."""

    key: UUID
    path: Path

    @property
    def shown(self) -> str:
        """The file's name as text, whatever bytes it is made of."""
        return os.fsencode(self.path.name).decode("utf-8", "replace")


def look(path: Path) -> Look:
    """What changes when a file is written to: inode, size, time of the last change of its bytes."""
    found = path.lstat()
    return found.st_ino, found.st_size, found.st_mtime_ns


class DropFolder:
    """`settle` is how many seconds a file must have looked the same before it is taken."""

    def __init__(self, root: Path, settle: float) -> None:
        self.root, self.settle = root, settle
        self.working, self.done, self.failed = (root / n for n in ("working", "done", "failed"))
        self.seen: dict[Path, tuple[Look, float]] = {}

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Makes the folders and holds the folder's lock, which the system releases when the process dies."""
        for folder in (self.working, self.done, self.failed):
            folder.mkdir(exist_ok=True)
        with (self.working / ".lock").open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Taken from error
            yield

    def still(self) -> list[Path]:
        """Files that have not changed for a while: claims of an earlier round first, then the oldest."""
        now = time.monotonic()
        looks = {path: found for path in self._candidates() if (found := _regular(path))}
        before = self.seen
        self.seen = {
            path: before[path] if path in before and before[path][0] == found else (found, now)
            for path, found in looks.items()
        }
        ripe = [path for path, (_, since) in self.seen.items() if now - since >= self.settle]
        return sorted(ripe, key=lambda p: (p.parent == self.root, looks[p][2], p.name))

    def _candidates(self) -> Iterator[Path]:
        for path in self.root.iterdir():
            if not path.name.startswith(".") and not path.name.lower().endswith(IGNORED_ENDS):
                yield path
        for folder in list(self.working.iterdir()):
            yield from _claimed(folder)

    def claim(self, path: Path) -> Claim | None:
        """Takes a file out of the sender's sight; None when it has gone meanwhile."""
        if path.parent != self.root:
            return Claim(UUID(path.parent.name), path)
        return self._into(new_id(), path)

    def again(self, claim: Claim) -> None:
        """The file was written to while it was read: what it holds now is another import."""
        self._into(new_id(), claim.path)
        _away(claim.path.parent)

    def _into(self, key: UUID, path: Path) -> Claim | None:
        folder = self.working / str(key)
        folder.mkdir()
        try:
            return Claim(key, path.rename(folder / path.name))
        except FileNotFoundError:
            folder.rmdir()
            return None

    def put_away(self, claim: Claim, body: dict[str, Any], *, failed: bool) -> Path:
        """Moves the file to done/ or failed/, its report beside it, under a name that was free."""
        place = _free(self.failed if failed else self.done, claim)
        aside = claim.path.parent / ASIDE
        aside.write_text(json.dumps({**body, "claim": str(claim.key)}, indent=1) + "\n")
        aside.replace(_report(place))
        claim.path.rename(place)
        _away(claim.path.parent)
        return place


def _regular(path: Path) -> Look | None:
    """How a file looks; None for folders, links, devices, and what has gone."""
    try:
        return look(path) if stat.S_ISREG(path.lstat().st_mode) else None
    except FileNotFoundError:
        return None


def _claimed(folder: Path) -> Iterator[Path]:
    """The file of a claim left behind; the folder of one that was put away already is cleared."""
    try:
        UUID(folder.name)
    except ValueError:
        return
    files = [p for p in folder.iterdir() if p.name != ASIDE]
    if not files:
        _away(folder)
    yield from files


def _away(folder: Path) -> None:
    (folder / ASIDE).unlink(missing_ok=True)
    folder.rmdir()


def _report(place: Path) -> Path:
    return place.with_name(place.name + REPORT)


def _free(folder: Path, claim: Claim) -> Path:
    """The file's own name if nothing has it yet, else with the import's id before the ending."""
    own = folder / claim.path.name
    if len(os.fsencode(own.name)) <= MAX_NAME and not os.path.lexists(own) and _unreported(own, claim):
        return own
    ending = own.suffix if len(os.fsencode(own.suffix)) <= 16 else ""
    stem = os.fsencode(own.name.removesuffix(ending))[: MAX_NAME - 64]
    return folder / f"{os.fsdecode(stem)}.{claim.key}{ending}"


def _unreported(place: Path, claim: Claim) -> bool:
    """Whether a report may be written there: none is there, or one that this very import has left."""
    try:
        return bool(json.loads(_report(place).read_bytes())["claim"] == str(claim.key))
    except FileNotFoundError:
        return True
    except (ValueError, KeyError, TypeError, OSError):
        return False
