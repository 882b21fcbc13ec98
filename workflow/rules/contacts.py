"""The contact log of a task: who was reached for it, how, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping

WHO = {
    "patient": "Patient",
    "family": "Family or carer",
    "laboratory": "Laboratory",
    "physician": "Other physician",
    "payer": "Payer",
    "other": "Somebody else",
}
HOW = {
    "phone": "by phone",
    "text": "by text message",
    "email": "by e-mail",
    "portal": "through the portal",
    "letter": "by letter",
    "in_person": "in person",
}
OUTCOMES = {
    "reached": "Reached",
    "left_message": "Left a message",
    "no_answer": "No answer",
    "wrong_number": "Wrong number",
    "declined": "Declined",
    "other": "Other, see note",
}


def said(contact: Mapping[str, str]) -> str:
    """Patient by phone: no answer."""
    outcome = OUTCOMES[contact["outcome"]]
    return f"{WHO[contact['who']]} {HOW[contact['how']]}: {outcome[0].lower()}{outcome[1:]}"
