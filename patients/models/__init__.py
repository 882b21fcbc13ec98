from patients.models.audit import ReadLog
from patients.models.inbound import (
    Blob,
    BlobPart,
    CodeMap,
    Inbound,
    InboundItem,
    InboundMessage,
    QuarantineItem,
    Source,
    TableMapping,
)
from patients.models.machinery import Heartbeat, Idempotency, Run
from patients.models.observations import (
    Attestation,
    Bleed,
    Coverage,
    Draw,
    Event,
    FactorUse,
    Regimen,
    Result,
    ResultHead,
)
from patients.models.patient import Patient, PatientAccess
from patients.models.people import ROLES, Membership, Site, SiteSetting, User

__all__ = [
    "ROLES",
    "Attestation",
    "Bleed",
    "Blob",
    "BlobPart",
    "CodeMap",
    "Coverage",
    "Draw",
    "Event",
    "FactorUse",
    "Heartbeat",
    "Idempotency",
    "Inbound",
    "InboundItem",
    "InboundMessage",
    "Membership",
    "Patient",
    "PatientAccess",
    "QuarantineItem",
    "ReadLog",
    "Regimen",
    "Result",
    "ResultHead",
    "Run",
    "Site",
    "SiteSetting",
    "Source",
    "TableMapping",
    "User",
]
