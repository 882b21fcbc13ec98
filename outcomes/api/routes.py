"""Routes of this room below /api/v1/."""

from __future__ import annotations

from django.urls import path

from outcomes.api import contracts, patients

routes = [
    path("patients/", patients.Patients.as_view(), name="patients"),
    path("patients/<uuid:patient>/", patients.PatientDetail.as_view(), name="patient"),
    path("patients/<uuid:patient>/status/", patients.Status.as_view(), name="status"),
    path("contracts/", contracts.Contracts.as_view(), name="contracts"),
    path(
        "contracts/<str:contract>/milestones/",
        contracts.ContractMilestones.as_view(),
        name="contract-milestones",
    ),
]
