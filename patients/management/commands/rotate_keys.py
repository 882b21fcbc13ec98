"""`rotate_keys`: encrypts again, with the first of FIELD_KEYS, what an older key has encrypted."""

from __future__ import annotations

from typing import Any

from patients import signing
from patients.management.base import OperatorCommand, operator
from patients.services import rotation


class Command(OperatorCommand):
    help = "Encrypts with the newest field key what older ones have encrypted; may be cut off and run again."
    one_transaction = False

    def run(self, **options: Any) -> None:
        done = rotation.rotate_keys(by=operator())
        self.stdout.write(
            f"{done.parts} parts of kept bytes and {done.factors} second factors are encrypted with the first of"
            " FIELD_KEYS. The others are needed for older backups only: keep them with those."
        )
        for public in signing.retired():
            self.stdout.write(
                f"In SEAL_KEY this verifies what an old key has sealed, and seals nothing: {public}"
            )
