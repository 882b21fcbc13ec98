"""What background work may see before it opens a site: where there is work, and whom to tell about it.

`daymark_worker` is no member of `daymark_app`: outside a site's context it has these rights and no others, on
rows of every site. Within a context it acts as `daymark_app` and sees that site, like everybody.
"""

from __future__ import annotations

from collections.abc import Mapping

ALL = "select, insert, update, delete"
PERSON = "id, username, email, is_active, mail_digest, mail_single, mail_weekends, digest_hour"
RIGHTS: Mapping[str, str] = {
    "patients.heartbeat": ALL,
    "patients.run": ALL,
    "patients.site": "select",
    "patients.sitesetting": "select",
    "patients.membership": "select",
    "patients.user": f"select ({PERSON})",
    "workflow.watermark": ALL,
    "workflow.notice": "select, insert, update",
    "workflow.taskdue": "select",
    "workflow.pathway": "select (patient_id, site_id, decided_seq, noticed_seq), update (noticed_seq)",
    "workflow.alert": "select (id, site_id, state)",
    "workflow.act": "select (patient_id, site_id, key, kind)",
}


def grants(label: str, table: str) -> list[str]:
    return [f'grant {RIGHTS[label]} on "{table}" to daymark_worker'] if label in RIGHTS else []


def verbs(label: str) -> list[str]:
    """The verbs for which rows of all sites are open."""
    told = RIGHTS.get(label, "")
    return [verb for verb in ("select", "insert", "update") if verb in told]
