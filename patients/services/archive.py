"""A backup file: a readable head, the dump in encrypted parts of 1 MB, and a signed foot with the hash of it all.

The head holds no patient data. Each part is bound to the head and to its place, so parts cannot be exchanged,
left out or taken from another backup; a damaged one is named.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from patients import signing
from patients.errors import Invalid
from patients.sealing import ciphers

MAGIC = b"DAYMARK BACKUP 1\n"
PURPOSE = "backup"
PART, NONCE, MOST = 1 << 20, 12, 1 << 24
Head = Mapping[str, Any]


def broken(detail: str) -> Invalid:
    return Invalid.at("/file", "broken-backup", detail)


def write(out: BinaryIO, head: Head, content: Iterable[bytes]) -> str:
    """Writes a backup and returns its hash: `content` encrypted with the first field key, signed with the first seal key."""
    name, cipher = next(ciphers(PURPOSE))
    told = json.dumps({**head, "key": name}, sort_keys=True).encode()
    digest = hashlib.sha256()
    number = 0

    def put(piece: bytes) -> None:
        framed = struct.pack(">I", len(piece)) + piece
        digest.update(framed)
        out.write(framed)

    out.write(MAGIC)
    put(told)
    for number, piece in enumerate(content, 1):
        nonce = os.urandom(NONCE)
        put(nonce + cipher.encrypt(nonce, piece, _bound(told, number)))
    key, signature = signing.sign(f"{digest.hexdigest()}|{number}")
    foot = {"sha256": digest.hexdigest(), "parts": number, "key": key, "signature": signature}
    out.write(struct.pack(">I", 0) + json.dumps(foot).encode())
    return digest.hexdigest()


def head_of(stream: BinaryIO) -> dict[str, Any]:
    """The head of a backup. Raises Invalid for a file that is none."""
    told = _head(stream)
    try:
        return dict(json.loads(told))
    except ValueError as error:
        raise broken("The head of the backup is damaged.") from error


def checked(stream: BinaryIO) -> dict[str, Any]:
    """Reads the whole file once and returns its head.

    Raises Invalid when it is no backup, is damaged (naming the part), was made with a field key or a seal key
    that this installation does not have, or was cut short.
    """
    stream.seek(0)
    head = head_of(stream)
    for _ in contents(stream):
        pass
    return head


def contents(stream: BinaryIO) -> Iterator[bytes]:
    """The dump, part by part; what `checked` refuses is refused here too, at the part where it shows."""
    stream.seek(0)
    told = _head(stream)
    cipher = _cipher(told)
    digest = hashlib.sha256(struct.pack(">I", len(told)) + told)
    number = 0
    while piece := _piece(stream, number + 1):
        number += 1
        digest.update(struct.pack(">I", len(piece)) + piece)
        try:
            yield cipher.decrypt(piece[:NONCE], piece[NONCE:], _bound(told, number))
        except (InvalidTag, ValueError) as error:
            raise broken(f"Part {number} of the backup is damaged.") from error
    _check_foot(stream.read(MOST), digest.hexdigest(), number)


def _head(stream: BinaryIO) -> bytes:
    if stream.read(len(MAGIC)) != MAGIC:
        raise Invalid.at("/file", "foreign-file", "This file is no backup of Daymark.")
    return _piece(stream, 0)


def _piece(stream: BinaryIO, number: int) -> bytes:
    """The next frame; b"" before the foot."""
    size = stream.read(4)
    if len(size) < 4 or (length := struct.unpack(">I", size)[0]) > MOST:
        raise broken(f"The backup ends, or is damaged, before part {number}.")
    piece = stream.read(length)
    if len(piece) < length:
        raise broken(f"The backup is cut short in part {number}.")
    return piece


def _cipher(told: bytes) -> AESGCM:
    try:
        name = json.loads(told)["key"]
    except (ValueError, KeyError, TypeError) as error:
        raise broken("The head of the backup is damaged.") from error
    known = dict(ciphers(PURPOSE))
    if name not in known:
        detail = f"No key of FIELD_KEYS opens this backup: it needs the one whose name here is {name}."
        raise Invalid.at("/file", "wrong-key", detail)
    return known[name]


def _check_foot(text: bytes, digest: str, parts: int) -> None:
    try:
        foot = json.loads(text)
        same = (foot["sha256"], foot["parts"]) == (digest, parts)
        fault = signing.verified(foot["key"], foot["signature"], f"{digest}|{parts}")
    except (ValueError, KeyError, TypeError) as error:
        raise broken("The foot of the backup is damaged or missing.") from error
    if not same:
        raise broken("The backup does not have the hash that its foot tells.")
    if fault:
        raise Invalid.at("/file", "wrong-key", f"The backup {fault}.")


def _bound(head: bytes, number: int) -> bytes:
    return hashlib.sha256(head).digest() + struct.pack(">Q", number)
