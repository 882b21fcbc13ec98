"""What Daymark's own words are called in FHIR R4: code systems, states, categories, units, coded values."""

from __future__ import annotations

from decimal import Decimal

from patients.rules.catalog import Analyte

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
NDC = "http://hl7.org/fhir/sid/ndc"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
CATEGORIES = TERMINOLOGY + "observation-category"
ABSENT = TERMINOLOGY + "data-absent-reason"
IDENTIFIERS = TERMINOLOGY + "v2-0203"
ANALYTES = "urn:daymark:analyte"
TASK_KINDS = "urn:daymark:task-kind"
TASK_STATES = "urn:daymark:task-state"
REASONS = "urn:daymark:factor-use-reason"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
CARE_PLAN_CATEGORIES = "http://hl7.org/fhir/us/core/CodeSystem/careplan-category"

OBSERVATION_STATUS = {
    "final": "final",
    "corrected": "corrected",
    "amended": "amended",
    "preliminary": "preliminary",
    "pending": "registered",
    "cancelled": "cancelled",
    "entered_in_error": "entered-in-error",
}
OBSERVATION_STATUSES = (*OBSERVATION_STATUS.values(), "unknown")
WITHOUT_VALUE = {"pending": "temp-unknown", "cancelled": "not-performed", "entered_in_error": "error"}
CATEGORY_WORDS = {"laboratory": "Laboratory", "vital-signs": "Vital Signs", "imaging": "Imaging"}
VITAL_SIGNS = frozenset({"WEIGHT", "HEIGHT"})
VALUES = {
    "negative": ("260385009", "Negative"),
    "positive": ("10828004", "Positive"),
    "not_detected": ("260415000", "Not detected"),
    "detected": ("260373001", "Detected"),
    "equivocal": ("42425007", "Equivocal"),
    "normal": ("17621005", "Normal"),
    "abnormal": ("263654008", "Abnormal"),
}
UCUM_CODES = {"IU/dL": "[IU]/dL"}

TASK_STATUS = {
    "upcoming": "requested",
    "open": "ready",
    "overdue": "ready",
    "missed": "failed",
    "done": "completed",
    "done_out_of_window": "completed",
    "waived": "cancelled",
    "cancelled": "cancelled",
}
TASK_STATUSES = (
    "draft", "requested", "received", "accepted", "rejected", "ready", "cancelled", "in-progress", "on-hold",
    "failed", "completed", "entered-in-error",
)  # fmt: skip
CARE_PLAN_STATUSES = (
    "draft", "active", "on-hold", "revoked", "completed", "entered-in-error", "unknown",
)  # fmt: skip
ADMINISTRATION_STATUSES = (
    "in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown",
)  # fmt: skip
INFUSION_STATUS = {"complete": "completed", "partial": "stopped"}


def category(analyte: Analyte) -> str:
    """The observation category of an analyte."""
    if analyte.code in VITAL_SIGNS:
        return "vital-signs"
    return "imaging" if analyte.kind == "imaging" else "laboratory"


def loincs(analyte: Analyte, reported: str, factor: Decimal | None) -> tuple[str, ...]:
    """The analyte's own LOINC code, and the accepted one it was reported with.

    A code may fix the unit's dimension, so a converted value keeps the analyte's own code only.
    """
    own = analyte.loinc[:1]
    kept = reported in analyte.loinc and factor in (None, Decimal(1)) and reported not in own
    return (*own, reported) if kept else own


def ucum(unit: str) -> str:
    """The UCUM code of a canonical unit."""
    return UCUM_CODES.get(unit, unit)


def mrn_system(site: str) -> str:
    """The identifier system of a site's medical record numbers."""
    return f"urn:daymark:mrn:{site}"


def care_plan_status(phase: str) -> str:
    """A pathway is active until its last phase is over."""
    return "completed" if phase == "closed" else "active"


def infusion_status(outcome: str, volume_ml: Decimal, retracted: bool) -> str:
    """Anything given and broken off was stopped; nothing given was not done."""
    if retracted:
        return "entered-in-error"
    return INFUSION_STATUS.get(outcome, "stopped" if volume_ml > 0 else "not-done")
