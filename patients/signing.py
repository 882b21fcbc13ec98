"""The keys that sign seals. The first of SEAL_KEY signs, all of them verify.

Each entry is a secret, from which an Ed25519 key follows, or `public:` and the 64 hex digits of a public key
whose secret was destroyed: it verifies old seals and signs no new ones.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

PUBLIC = "public:"


def sign(told: str) -> tuple[str, str]:
    """The public key's name and the signature of a text, both in hex."""
    key = _private(settings.SEAL_KEYS[0])
    return name(key.public_key()), key.sign(told.encode()).hex()


def verified(key: str, signature: str, told: str) -> str:
    """ "" when the signature is good, else what is wrong with it."""
    known = {name(k): k for k in _public_keys()}
    if key not in known:
        return f"is signed with the key {key[:16]}, which SEAL_KEY does not name"
    try:
        known[key].verify(bytes.fromhex(signature), told.encode())
    except (InvalidSignature, ValueError):
        return "has a signature that does not fit"
    return ""


def retired() -> list[str]:
    """The entries of SEAL_KEY after the first, as public keys: their secrets need not be kept."""
    return [f"{PUBLIC}{name(key)}" for key in _public_keys()[1:]]


def name(key: Ed25519PublicKey) -> str:
    return key.public_bytes_raw().hex()


def _public_keys() -> list[Ed25519PublicKey]:
    return [
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(text.removeprefix(PUBLIC)))
        if text.startswith(PUBLIC)
        else _private(text).public_key()
        for text in settings.SEAL_KEYS
    ]


def _private(secret: str) -> Ed25519PrivateKey:
    if secret.startswith(PUBLIC):
        raise ValueError("The first entry of SEAL_KEY signs: it must be a secret, not a public key.")
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"seal|{secret}".encode()).digest())
