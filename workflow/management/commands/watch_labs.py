"""`watch_labs FOLDER`: a drop folder of laboratory files, each imported once and moved to done/ or failed/."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import IntegrityError, InterfaceError, OperationalError, close_old_connections, connection

from patients import access
from patients.errors import DomainError
from patients.management.base import OperatorCommand, operator
from patients.models import Inbound, Source
from workflow.management.dropfolder import Claim, DropFolder, Taken, look
from workflow.management.options import MAX_FILE, seconds, source_named
from workflow.management.stopping import stopping
from workflow.selectors.inbound import import_json
from workflow.services import imports
from workflow.services.imports import Report

LATER = "waits and is tried again"


class Later(Exception):
    """The file cannot be imported now, through no fault of its own."""


class Command(OperatorCommand):
    help = (
        "Imports every file that is put into FOLDER, then moves it to FOLDER/done or FOLDER/failed with a report "
        "beside it. A file is taken when it has stopped growing; names that begin with a dot or end in .part or "
        ".tmp are left alone. With --once: exit 2 when a file could not be read, 1 when one is still waiting."
    )
    one_transaction = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument("--source", required=True, metavar="CODE")
        parser.add_argument("--mapping", default="", metavar="NAME", help="a saved column map of the source")
        parser.add_argument("--once", action="store_true", help="take what lies there now, then end")
        parser.add_argument("--interval", type=seconds, default=5.0, metavar="S", help="between two looks")
        parser.add_argument(
            "--settle", type=seconds, default=2.0, metavar="S", help="how long a file must not have changed"
        )

    def run(self, **options: Any) -> int | None:
        source_named(options["source"], options["mapping"])
        if not options["folder"].is_dir():
            raise CommandError(f"There is no folder {options['folder']}.")
        self.options, self.failed, self.left = options, 0, 0
        self.warned: set[str] = set()
        folder = DropFolder(options["folder"].resolve(), options["settle"])
        try:
            with folder.alone(), stopping() as self.stop:
                self._once(folder) if options["once"] else self._for_ever(folder)
        except Taken as error:
            raise CommandError(f"Another watch_labs works on {options['folder']}.") from error
        if self.left and not self.failed and options["once"]:
            return 1
        return 2 if self.failed and options["once"] else None

    def _once(self, folder: DropFolder) -> None:
        folder.still()
        time.sleep(folder.settle)
        self._round(folder)

    def _for_ever(self, folder: DropFolder) -> None:
        while not self.stop.is_set():
            self._round(folder)
            close_old_connections()
            self.stop.wait(self.options["interval"])

    def _round(self, folder: DropFolder) -> None:
        for path in folder.still():
            if self.stop.is_set():
                return
            try:
                claim = folder.claim(path)
                if claim is not None:
                    self._take(folder, claim)
            except (Later, OSError) as error:
                self.left += 1
                self._warn(f"{path.name!r} {LATER}: {error}")

    def _warn(self, words: str) -> None:
        """Says the same thing once, however often it is tried."""
        if words not in self.warned:
            self.warned.add(words)
            self.stderr.write(words)

    def _take(self, folder: DropFolder, claim: Claim) -> None:
        before = look(claim.path)
        self.stderr.write(f"{claim.shown} reading")
        body, fault = self._imported(claim, before[1])
        if look(claim.path) != before:
            self.stderr.write(f"{claim.shown} was written to while it was read; it is read again")
            folder.again(claim)
            return
        place = folder.put_away(claim, body, failed=bool(fault))
        self.failed += bool(fault)
        self.stdout.write(json.dumps(body))
        self.stderr.write(
            f"{claim.shown} {fault or 'is imported'}, moved to {place.parent.name}/{place.name!r}"
        )

    def _imported(self, claim: Claim, size: int) -> tuple[dict[str, Any], str]:
        """The report of the claim's import, and why the file could not be read ("" if it could)."""
        name, code = claim.shown, self.options["source"]
        if size > MAX_FILE:
            report = Report(file=name, source=code, size=size).refused("too-large")
            return report.shown(), "is larger than 512 MB"
        try:
            return self._run(claim)
        except (OperationalError, InterfaceError) as error:
            connection.close()
            raise Later("the database cannot be used now") from error
        except (OSError, Later):
            raise
        except DomainError as error:
            fault = error.detail
        except Exception as error:
            fault = f"could not be imported: {type(error).__name__}"
        return {**Report(id=claim.key, file=name, source=code, size=size).shown(), "error": fault}, fault

    def _run(self, claim: Claim) -> tuple[dict[str, Any], str]:
        """Keeps the bytes unless an earlier process has, goes on with what is unfinished, and tells the end."""
        source = source_named(self.options["source"], self.options["mapping"])
        with access.site_context([source.site_id], by=operator()):
            known = _import(claim)
        known = known or self._kept(claim, source)
        fault = "could not be read"
        if known.state == "waiting":
            try:
                fault = imports.run(inbound=known).rejected
            except imports.Running as error:
                raise Later(str(error)) from error
        with access.site_context([source.site_id], by=operator()):
            ended = _import(claim)
            assert ended is not None
            return import_json(ended, items=False), fault if ended.state == "rejected" else ""

    def _kept(self, claim: Claim, source: Source) -> Inbound:
        """The import's row and bytes. A process that died may have had its commit under way: then later."""
        try:
            with claim.path.open("rb") as stream:
                return imports.keep(
                    name=claim.shown, stream=stream, site=source.site_id, source=source, by=operator(),
                    mapping=self.options["mapping"], key=claim.key,
                )  # fmt: skip
        except IntegrityError as error:
            raise Later("its import is being stored at this moment") from error


def _import(claim: Claim) -> Inbound | None:
    return Inbound.objects.select_related("source", "blob").filter(pk=claim.key).first()
