"""An envelope as JSON and back: what waits on the desk is kept as it was received and can be read again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from patients.readers.envelope import Coding, Named, PatientNumber, ResultEnvelope

TEXTS = (
    "analyte", "code_text", "value", "spoken", "coded", "unit", "decimal", "reference_low", "reference_high",
    "reference_unit", "reference_text", "flag", "assay", "method", "lab", "note", "status", "source",
    "source_id", "raw",
)  # fmt: skip
FLAGS = ("bad_time", "laboratory", "attachment")


def to_json(envelope: ResultEnvelope) -> dict[str, Any]:
    """Everything the envelope says, in JSON's types."""
    return {
        **{n: getattr(envelope, n) for n in (*TEXTS, *FLAGS)},
        "codings": [[c.system, c.code, c.text] for c in envelope.codings],
        "span": list(envelope.span) if envelope.span else None,
        "collected": _told(envelope.collected),
        "reported_at": _told(envelope.reported_at),
        "named": {
            "numbers": [[n.value, list(n.authorities)] for n in envelope.named.numbers],
            "family_name": envelope.named.family_name,
            "birth_date": _told(envelope.named.birth_date),
            "sex": envelope.named.sex,
            "number_suffices": envelope.named.number_suffices,
        },
        "barred": list(envelope.barred),
        "faults": list(envelope.faults),
        "where": dict(envelope.where),
    }


def from_json(data: Mapping[str, Any]) -> ResultEnvelope:
    """The envelope again."""
    named = data["named"]
    return ResultEnvelope(
        **{n: data[n] for n in (*TEXTS, *FLAGS)},
        codings=tuple(Coding(*c) for c in data["codings"]),
        span=(data["span"][0], data["span"][1]) if data["span"] else None,
        collected=_moment(data["collected"]),
        reported_at=datetime.fromisoformat(data["reported_at"]) if data["reported_at"] else None,
        named=Named(
            numbers=tuple(PatientNumber(value, tuple(names)) for value, names in named["numbers"]),
            family_name=named["family_name"],
            birth_date=date.fromisoformat(named["birth_date"]) if named["birth_date"] else None,
            sex=named["sex"],
            number_suffices=named["number_suffices"],
        ),
        barred=tuple(data["barred"]),
        faults=tuple(data["faults"]),
        where=data["where"],
    )


def _told(moment: datetime | date | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _moment(text: str | None) -> datetime | date | None:
    if text is None:
        return None
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)
