"""Who works with Daymark, and where: users, memberships, sites and their dated settings."""

from __future__ import annotations

import pghistory
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.crypto import salted_hmac

from patients.ids import new_id
from patients.models.audit import tracked
from patients.models.base import Identified, one_of

ROLES = ("coordinator", "clinician", "lab_importer", "payer_analyst", "auditor", "site_admin")
SETTING_KINDS = ("certification", "holiday", "override", "escalation")


@pghistory.track(*tracked(), exclude=["password", "last_login", "session_epoch", "failed_signins"])
class User(AbstractUser):
    """A person who signs in. `npi` is the US National Provider Identifier, where there is one.

    `mail_digest`: reminders of tasks come in one mail a day, at `digest_hour` o'clock in the site's local
    time, on Saturdays and Sundays only with `mail_weekends`. `mail_single`: each reminder comes as a mail of
    its own when it falls due. Alerts and escalations always come alone and at once.

    A session is good while the person's `session_epoch` is that in which it began. `failed_signins` counts
    wrong passwords and codes since the last sign-in or new password.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    npi = models.CharField(max_length=10, blank=True)
    mail_digest = models.BooleanField(default=True)
    mail_single = models.BooleanField(default=False)
    mail_weekends = models.BooleanField(default=False)
    digest_hour = models.PositiveSmallIntegerField(default=7)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    failed_signins = models.PositiveIntegerField(default=0, editable=False)

    class Meta(AbstractUser.Meta):
        constraints = [
            models.CheckConstraint(condition=models.Q(digest_hour__lte=23), name="user_digest_hour")
        ]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What ties a session to the password and to the epoch."""
        told = f"{self.password}|{self.session_epoch}"
        return salted_hmac("daymark.session", told, secret=secret, algorithm="sha256").hexdigest()


@pghistory.track(*tracked())
class Site(Identified):
    """A treatment centre. `timezone` is an IANA name; every date is a calendar date there."""

    code = models.SlugField(max_length=32, unique=True)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64)
    npi = models.CharField(max_length=10, blank=True)
    version = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return self.code


@pghistory.track(*tracked())
class Membership(Identified):
    """A role at one site, or (payer analysts) for one contract by its code; auditors may have neither."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=16)
    site = models.ForeignKey(
        Site, on_delete=models.PROTECT, null=True, blank=True, related_name="memberships"
    )
    contract = models.CharField(max_length=64, blank=True)
    from_date = models.DateField()
    to_date = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            one_of("role", ROLES, "membership_role"),
            models.CheckConstraint(
                name="membership_scope",
                condition=(
                    models.Q(role="payer_analyst", site__isnull=True) & ~models.Q(contract="")
                    | models.Q(role="auditor", contract="")
                    | models.Q(site__isnull=False, contract="")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}"


@pghistory.track(*tracked())
class SiteSetting(Identified):
    """A dated setting of a site, append-only: certification, holiday, override of an assumption, escalation.

    `key` is the pathway of a certification, the name of a holiday or the name of the overridden number.
    """

    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="settings")
    kind = models.CharField(max_length=16)
    key = models.CharField(max_length=128)
    payload = models.JSONField(default=dict)
    from_on = models.DateField(null=True, blank=True)
    to_on = models.DateField(null=True, blank=True)
    recorded_at = models.DateTimeField()
    by = models.CharField(max_length=150)

    class Meta:
        constraints = [one_of("kind", SETTING_KINDS, "site_setting_kind")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
