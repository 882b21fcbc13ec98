"""The drill: back up, lose everything, restore into an empty database, and let mail go out again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from patients import guards
from patients.access import everywhere, site_context
from patients.errors import DomainError, Invalid
from patients.models import Hold, Patient, Site
from patients.selectors import audit
from patients.services import archive, backups, seals
from tests.factories.people import make_site, make_staff
from tests.factories.post import Post, open_post
from tests.factories.spare import spare_database
from tests.services.test_notices import risen
from workflow.models import Alert, Notice, TaskDue
from workflow.services import alerts, notices, sweep
from workflow.services.release import release_mail


def counts() -> dict[str, int]:
    with everywhere(by="t"):
        return {
            m._meta.label: m._default_manager.count()
            for m in (*guards.sealed_models(), Patient, Notice, TaskDue)
        }


@pytest.fixture
def site(transactional_db: None) -> Site:
    """A coordinator, a clinician and an administrator, and a patient whose alert they have not been told yet."""
    with everywhere(by="t"):
        site = make_site("drill")
    with everywhere(by="t"):
        for role in ("coordinator", "clinician", "site_admin"):
            make_staff(site, role)
        risen(site)
    return site


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with open_post(settings) as server:
        yield server


def test_a_lost_installation_comes_back(site: Site, post: Post, tmp_path: Path) -> None:
    """With every row, event and seal, its policies in force and its mail frozen until it is let go."""
    assert notices.send().sent == 2, "told before the backup"
    seal = seals.seal()
    file, said = tmp_path / "night.backup", io.StringIO()
    call_command("backup", out=file, stdout=said, stderr=io.StringIO())
    before = counts()
    with everywhere(by="t"):
        name = Patient.objects.get().family_name
    assert file.stat().st_mode & 0o777 == 0o600
    assert name.encode() not in file.read_bytes()
    assert "FIELD_KEYS, SEAL_KEY and SECRET_KEY are not in this file" in said.getvalue()
    with pytest.raises(CommandError, match="exists already"):
        call_command("backup", out=file)
    with pytest.raises(CommandError, match="is not empty"):
        call_command("restore", file)
    with spare_database():
        call_command("restore", file, stdout=io.StringIO())
        assert counts() == before
        with everywhere(by="t"):
            assert list(audit.audit_drift()) == []
            assert audit.head() == (seal.number, seal.hash)
        with site_context([], by="t"):
            assert Patient.objects.count() == 0
        _frozen_until_released(site, post)


def _frozen_until_released(site: Site, post: Post) -> None:
    """The sweep goes on; what is so at the release is told once, what was told before is not told again."""
    later = timezone.now() + timedelta(days=2)
    with everywhere(by="t"):
        risen(site)
    sweep.sweep(at=later)
    assert notices.send(at=later).sent == 0 and len(post.log) == 2
    ready = Client().get("/readyz").json()
    assert (ready["mail"], ready["notices"]) == ("frozen", True)
    with everywhere(by="t"):
        told = Notice.objects.get(kind="alert", sent_at__isnull=True, recipient__username="clinician-drill")
        alert = Alert.objects.get(pk=told.key.split(":")[1])
        alerts.acknowledge(patient=alert.patient_id, alert=alert.pk, decision="observe", note="", by="t")
    done = release_mail(by="t", at=later)
    assert done.was_frozen and not release_mail(by="t", at=later).was_frozen
    sent = notices.send(at=later)
    assert sent.sent > 0 and sent.sent + sent.cancelled <= done.waiting, (
        "what rides in a list is no mail of its own"
    )
    assert notices.send(at=later).sent == 0
    with everywhere(by="t"):
        assert not Notice.objects.filter(key=told.key, sent_at__isnull=False).exists(), "answered meanwhile"
    assert len(set(post.ids())) == len(post.log)
    assert Client().get("/readyz").json()["mail"] == "goes out"


def test_what_the_lost_installation_has_sent_is_not_sent_again(site: Site, post: Post) -> None:
    """The operator tells from the mail server's log up to when that was."""
    with everywhere(by="t"):
        Hold.objects.create(name="mail", since=timezone.now(), reason="Restored from a backup")
    done = release_mail(by="t", sent_until=timezone.now())
    assert done.told_before >= 2
    notices.send()
    with everywhere(by="t"):
        assert Notice.objects.filter(kind="alert", sent_at__isnull=True).count() == 0
    assert [letter.to for letter in post.log if "alert" in letter.mail["Subject"]] == []


HEAD = {"migrations": ["patients.0001_initial"], "rows": {}, "seal": {"number": 0, "hash": ""}, "made_at": ""}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A backup of three parts whose content no database has seen."""
    file = tmp_path / "small.backup"
    with file.open("wb") as stream:
        archive.write(stream, HEAD, [b"one", b"two", b"three"])
    return file


def refusal(file: Path) -> str:
    """Why a file is not restored; all of it without a database."""
    with pytest.raises(DomainError) as refused:
        backups.restore(file=file)
    return refused.value.detail


def test_the_parts_come_back_as_they_were(small: Path) -> None:
    with small.open("rb") as stream:
        assert list(archive.contents(stream)) == [b"one", b"two", b"three"]
        assert archive.checked(stream)["migrations"] == HEAD["migrations"]


def test_each_damaged_byte_is_found(small: Path) -> None:
    whole = small.read_bytes()
    for place in range(len(archive.MAGIC), len(whole)):
        changed = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        with pytest.raises(Invalid, match=r"amaged|cut short|hash|FIELD_KEYS|SEAL_KEY|signature"):
            archive.checked(io.BytesIO(changed))
    second = whole.index(b"{", len(archive.MAGIC))
    head = int.from_bytes(whole[second - 4 : second])
    small.write_bytes(whole[: second + head + 4 + 31 + 20] + b"!" + whole[second + head + 4 + 31 + 21 :])
    assert refusal(small) == "Part 2 of the backup is damaged."


def test_a_backup_cut_short_at_any_byte_is_refused(small: Path) -> None:
    whole = small.read_bytes()
    for length in range(len(whole)):
        with pytest.raises(Invalid):
            archive.checked(io.BytesIO(whole[:length]))


def test_a_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"PGDMP and so on")
    assert refusal(file) == "This file is no backup of Daymark."


@pytest.mark.parametrize(("name", "value", "told"), [
    ("FIELD_KEYS", ["other"], "No key of FIELD_KEYS opens this backup"),
    ("SEAL_KEYS", ["other"], "which SEAL_KEY does not name"),
])  # fmt: skip
def test_the_wrong_key_is_told(small: Path, settings: Any, name: str, value: Any, told: str) -> None:
    setattr(settings, name, value)
    assert told in refusal(small)


def test_a_backup_is_opened_by_an_older_key(small: Path, settings: Any) -> None:
    settings.FIELD_KEYS = ["new", *settings.FIELD_KEYS]
    with small.open("rb") as stream:
        assert archive.checked(stream)


def test_a_backup_of_a_later_version_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "later"
    with file.open("wb") as stream:
        archive.write(stream, {**HEAD, "migrations": ["patients.9999_later"]}, [b"x"])
    assert "later version of Daymark, with patients.9999_later" in refusal(file)
