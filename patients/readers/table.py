"""CSV files of results, read as a stream: any usual separator, UTF-8 or cp1252, one envelope a row."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import chain
from typing import BinaryIO

from patients.readers.envelope import Parcel, Unreadable
from patients.readers.rows import MAX_CELL, Mapped, parcels

SEPARATORS = ",;\t|"
MAX_LINE = 64 * MAX_CELL


def read(stream: BinaryIO, mapping: Mapped) -> Iterator[Parcel]:
    """Runs of rows in the file's order. Raises Unreadable for the file as a whole."""
    with closing(rows(stream)) as lines:
        yield from parcels(lines, mapping)


def rows(stream: BinaryIO) -> Generator[Sequence[str], None, None]:
    """The rows as written, the header first. Raises Unreadable."""
    csv.field_size_limit(4 * MAX_CELL)
    text = _text(stream)
    try:
        lines = _lines(text)
        header = next((line for line in lines if line.strip()), "")
        separator = max(SEPARATORS, key=header.count)
        named = header.rstrip("\r\n")
        if named.lower() in {f"sep={s}" for s in SEPARATORS}:
            separator, header = named[-1], next(lines, "")
        yield from csv.reader(chain([header], lines), delimiter=separator, strict=True)
    except csv.Error as error:
        reason = "too-large" if "field limit" in str(error) else "unreadable"
        raise Unreadable(reason, f"is no CSV that can be read: {error}") from error
    finally:
        text.detach()


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE + 1):
        if "\x00" in line:
            raise Unreadable("unreadable", "holds NUL characters")
        if len(line) > MAX_LINE:
            raise Unreadable("too-large", "holds a line of more than 2 MB")
        yield line


def _text(stream: BinaryIO) -> io.TextIOWrapper:
    """The stream as text. Without a byte order mark it is UTF-8 if all of it is, else cp1252."""
    start = stream.tell()
    head = stream.read(4)
    stream.seek(start)
    codec = "utf-16"
    if not head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        codec = "utf-8-sig" if _is_utf8(stream) else "cp1252"
        stream.seek(start)
    return io.TextIOWrapper(stream, encoding=codec, errors="replace", newline="")


def _is_utf8(stream: BinaryIO) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := stream.read(1 << 20):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
