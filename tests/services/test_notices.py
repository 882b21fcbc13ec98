"""Mail over a real SMTP server: one per new alert and person, retried with the same Message-ID, nobody's data in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from patients.access import everywhere
from patients.models import Membership, Result, Site, User
from tests.factories.people import make_site, make_staff
from tests.factories.post import Post, open_post
from tests.services.ready import given, ready_patient
from workflow.models import Alert, Notice, Pathway, TaskDue
from workflow.services import alerts, apply, infusions, intake, notices


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    with open_post(settings) as server:
        yield server


@pytest.fixture
def alert(transactional_db: None) -> Iterator[Alert]:
    """A site with a coordinator, a clinician and an administrator, and a patient whose ALT has just risen."""
    with everywhere(by="t"):
        site = make_site("mail")
    with everywhere(by="t"):
        for role in ("coordinator", "clinician", "site_admin"):
            make_staff(site, role)
        risen(site)
    with everywhere(by="t"):
        found = Alert.objects.get(rule="alt-rise")
    yield found


def risen(site: Site) -> None:
    patient = ready_patient(site)
    infusions.record(patient=patient.pk, fields=given(), by="t", at=timezone.now())
    item = {
        "analyte": "ALT",
        "value": "77",
        "unit": "U/L",
        "collected_at": "2026-03-30T08:00:00Z",
        "reference_high": "40",
    }
    intake.record_results(patient=patient.pk, items=[item], by="t")


def rows() -> list[Notice]:
    with everywhere(by="t"):
        return list(
            Notice.objects.filter(kind="alert").select_related("recipient").order_by("recipient__username")
        )


CLEO, ANA = "clinician-mail@example.org", "coordinator-mail@example.org"


def test_each_coordinator_and_clinician_gets_one_mail(alert: Alert, post: Post) -> None:
    assert notices.send().sent == 2
    assert sorted(letter.to for letter in post.log) == [CLEO, ANA]
    assert notices.send().sent == 0
    assert len(post.log) == 2
    assert post.connections == 1, "one connection for all"


def test_mail_holds_no_patient_data(alert: Alert, post: Post) -> None:
    notices.send()
    with everywhere(by="t"):
        person = alert.patient
    canaries = [person.family_name, person.given_name, person.mrn, person.code, str(person.pk), str(alert.pk), "77",
                "ALT", "hemgenix", "Hemophilia", str(person.birth_date)]  # fmt: skip
    assert len(post.log) == 2
    for letter in post.log:
        said = "\n".join([*map(str, letter.mail.values()), *letter.parts.values()])
        assert [c for c in canaries if re.search(rf"\b{re.escape(c)}\b", said, re.I)] == []
        assert [p.count("/admin/") for p in letter.parts.values()] == [1, 1], "the one link, in both parts"


def test_a_temporary_refusal_backs_off_and_comes_again(alert: Alert, post: Post) -> None:
    post.answers[CLEO] = "450 later"
    assert notices.send().deferred == 1
    waiting = rows()[0]
    assert timedelta(0) < waiting.next_try_at - timezone.now() <= timedelta(minutes=1)
    assert notices.send().sent == 0
    post.answers.clear()
    assert notices.send(at=waiting.next_try_at).sent == 1


def test_a_sender_killed_after_the_mail_sends_the_same_message_once_more(
    alert: Alert, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(notices, "_answered", killed)
        with pytest.raises(Killed):
            notices.send()
    assert notices.send().sent == 1, "the lease of the other still holds"
    assert notices.send(at=timezone.now() + timedelta(seconds=121)).sent == 1
    first, again = (letter for letter in post.log if len(post.to(letter.to)) == 2)
    assert (first.id, first.body) == (again.id, again.body)
    assert len(set(post.ids())) == 2


def test_an_answered_alert_is_not_told(alert: Alert, post: Post) -> None:
    with everywhere(by="t"):
        alerts.acknowledge(patient=alert.patient_id, alert=alert.pk, decision="observe", note="", by="t")
    assert notices.send().cancelled == 2
    assert post.log == []


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": ""}, {"username": "left"}])
def test_who_works_there_no_more_gets_no_mail(alert: Alert, post: Post, change: dict[str, Any]) -> None:
    with everywhere(by="t"):
        User.objects.filter(username="clinician-mail").update(**change)
        if "username" in change:
            Membership.objects.filter(user__username="left").update(to_date="2026-01-01")
    done = notices.send()
    assert (done.sent, done.cancelled) == (1, 1)
    assert [letter.to for letter in post.log] == [ANA]


def tell(alert: Alert, value: str, on: str, **more: Any) -> None:
    """One more ALT of the patient, reported now."""
    item = {"analyte": "ALT", "value": value, "unit": "U/L", "collected_at": f"{on}T08:00:00Z", "reference_high": "40",
            "reported_at": timezone.now().isoformat(), **more}  # fmt: skip
    with everywhere(by="t"):
        intake.record_results(patient=alert.patient_id, items=[item], by="t")


def answer(alert: Alert) -> None:
    with everywhere(by="t"):
        alerts.acknowledge(patient=alert.patient_id, alert=alert.pk, decision="observe", note="", by="t")


def occurrences(alert: Alert) -> list[str]:
    return sorted(r.occurrence for r in rows() if r.key == f"alert:{alert.pk}")


def test_a_hit_after_the_answer_is_told_once_more(alert: Alert, post: Post) -> None:
    notices.send()
    answer(alert)
    tell(alert, "95", "2026-03-31")
    assert occurrences(alert) == ["1", "1", "2", "2"]
    tell(alert, "96", "2026-04-01")
    assert occurrences(alert) == ["1", "1", "2", "2"], "it is open and told already"
    answer(alert)
    tell(alert, "97", "2026-04-02")
    assert occurrences(alert) == ["1", "1", "2", "2", "3", "3"]


def test_a_correction_upwards_after_the_answer_is_told(alert: Alert, post: Post) -> None:
    answer(alert)
    tell(alert, "900", "2026-03-30", status="corrected")
    with everywhere(by="t"):
        assert Alert.objects.get(pk=alert.pk).state == "open"
    assert occurrences(alert) == ["1", "1", "2", "2"]


def test_a_true_rise_after_a_false_one_is_told(alert: Alert, post: Post) -> None:
    tell(alert, "20", "2026-03-30", status="corrected")
    tell(alert, "77", "2026-04-06")
    with everywhere(by="t"):
        states = dict(Alert.objects.filter(rule="alt-rise").values_list("pk", "state"))
    assert sorted(states.values()) == ["open", "withdrawn"]
    assert states[alert.pk] == "withdrawn"
    assert {r.key for r in rows()} == {f"alert:{pk}" for pk in states}


def test_a_withdrawn_alert_that_is_true_after_all_is_told_again(alert: Alert, post: Post) -> None:
    tell(alert, "20", "2026-03-30", status="corrected")
    tell(alert, "88", "2026-03-30", status="corrected")
    assert occurrences(alert) == ["1", "1", "2", "2"]


def test_a_decision_that_repeats_itself_tells_nothing_twice(alert: Alert, post: Post) -> None:
    with everywhere(by="t"):
        pathway = Pathway.objects.select_related("site").get(pk=alert.patient_id)
        Alert.objects.all().delete()
        for _ in range(2):
            apply.decide(pathway, at=timezone.now())
    assert occurrences(alert) == ["1", "1"]


def test_a_merged_alert_is_kept_and_tells_where_it_went(alert: Alert, post: Post) -> None:
    tell(alert, "20", "2026-04-06", source="lab", source_id="between")
    tell(alert, "77", "2026-04-13")
    with everywhere(by="t"):
        younger = Alert.objects.filter(rule="alt-rise").exclude(pk=alert.pk).get()
        between = Result.objects.get(patient=alert.patient_id, analyte="ALT", value=20)
        intake.retract_result(result=between, reason="mixed up", by="t")
        younger.refresh_from_db()
        task = TaskDue.objects.get(key=f"steroid-decision:{younger.pk}")
    assert (younger.state, younger.merged_into, task.ended_as) == ("withdrawn", alert.pk, "cancelled")


def test_dry_run_says_who_gets_what_and_sends_nothing(alert: Alert, post: Post) -> None:
    told = list(notices.due())
    assert {t["recipient"] for t in told} == {"clinician-mail", "coordinator-mail"}
    assert set(told[0]) == {"key", "kind", "channel", "recipient", "reason", "due_at"}
    assert post.log == []
