"""New keys: what the old ones have encrypted, signed or sealed still opens, and the old ones can go."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import call_command
from django.test import Client

from patients import signing
from patients.errors import Conflict
from patients.models import BlobPart, Seal, Site
from patients.sealing import box
from patients.selectors.audit import audit_drift
from patients.services import blobs, mail, seals
from patients.services.rotation import Rotated, rotate_keys
from tests.factories.people import make_staff

AT = datetime(2026, 3, 2, tzinfo=UTC)


def kept(site: Site, content: bytes) -> Any:
    return blobs.keep(stream=io.BytesIO(content), site=site.pk, media_type="text/plain", at=AT)


def test_an_old_field_key_can_go_after_the_rotation(site: Site, settings: Any) -> None:
    settings.FIELD_KEYS = ["old"]
    blob = kept(site, b"x" * blobs.PART + b"y")
    ana = make_staff(site, "coordinator")
    TOTP.activate(ana, "JBSWY3DPEHPK3PXP")
    codes = RecoveryCodes.activate(ana).get_unused_codes()
    settings.FIELD_KEYS = ["new", "old"]
    young = kept(site, b"young")
    assert blobs.read(blob.pk)[-1:] == b"y"
    assert rotate_keys(by="t") == Rotated(parts=2, factors=2)
    assert rotate_keys(by="t").parts == 0
    settings.FIELD_KEYS = ["new"]
    assert blobs.read(blob.pk)[-1:] == b"y" and blobs.read(young.pk) == b"young"
    factors = {row.type: row.wrap() for row in Authenticator.objects.filter(user=ana)}
    assert factors["recovery_codes"].get_unused_codes() == codes
    assert BlobPart.objects.values("key").distinct().count() == 1


def test_a_missing_key_is_named_and_nothing_is_lost(site: Site, settings: Any) -> None:
    settings.FIELD_KEYS = ["old"]
    blob = kept(site, b"secret")
    settings.FIELD_KEYS = ["new"]
    with pytest.raises(Conflict, match=BlobPart.objects.get().key):
        rotate_keys(by="t")
    settings.FIELD_KEYS = ["new", "old"]
    assert blobs.read(blob.pk) == b"secret"


def test_a_new_secret_key_signs_nobody_out_and_breaks_no_link(site: Site, settings: Any) -> None:
    ana, client, away = make_staff(site, "coordinator"), Client(), Client()
    client.force_login(ana)
    away.force_login(ana)
    link, locked = mail.unsubscribe_secret(ana), box("t").encrypt(b"answer")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = (
        "a new secret key of some length",
        [settings.SECRET_KEY],
    )
    assert client.get("/admin/me/mail/").status_code == 200
    assert mail.person_of(link) == ana and box("t").decrypt(locked) == b"answer"
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get("/admin/me/mail/").status_code == 200, "renewed on the visit before"
    assert away.get("/admin/me/mail/").status_code == 302


def test_an_old_seal_key_is_kept_as_a_public_key(site: Site, settings: Any) -> None:
    kept(site, b"x")
    assert seals.seal() is not None
    old = settings.SEAL_KEYS[0]
    settings.SEAL_KEYS = ["new", old]
    (public,) = signing.retired()
    out = io.StringIO()
    call_command("rotate_keys", stdout=out)
    assert public in out.getvalue() and public == f"public:{Seal.objects.get().key}"
    settings.SEAL_KEYS = ["new", public]
    assert list(audit_drift()) == []
