"""A table as a comma-separated file, written as it comes and hashed on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from outcomes.rules.data_package import Written
from outcomes.rules.dataset_tables import Table
from outcomes.rules.export_cells import line

BUFFER = 1 << 20


class TableFile:
    """One table being written. Lines come with their number, and both must agree."""

    def __init__(self, folder: Path, table: Table) -> None:
        self.table, self.path = table, folder / f"{table.name}.csv"
        self._file: BinaryIO = self.path.open("wb", buffering=BUFFER)
        self._digest = hashlib.sha256()
        self.rows = 0
        self._put(line(table.names))

    def write(self, lines: str, rows: int) -> None:
        """Raises RuntimeError when there are not as many lines as there should be."""
        if lines.count("\n") != rows:
            raise RuntimeError(f"{self.table.name}: {lines.count(chr(10))} lines instead of {rows}")
        self.rows += rows
        self._put(lines)

    def _put(self, text: str) -> None:
        content = text.encode()
        self._digest.update(content)
        self._file.write(content)

    def close(self) -> Written:
        self._file.close()
        size = self.path.stat().st_size
        return Written(self.table.name, self.path.name, "csv", self._digest.hexdigest(), size, self.rows)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
