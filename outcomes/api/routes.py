"""Routes of this room below /api/v1/."""

from __future__ import annotations

from django.urls import path

from outcomes.api import contracts, exports, figures, handover, milestones, packets, patients
from workflow.api.facts import fact_view

routes = [
    path("patients/", patients.Patients.as_view(), name="patients"),
    path("patients/<uuid:patient>/", patients.PatientDetail.as_view(), name="patient"),
    path("patients/<uuid:patient>/status/", patients.Status.as_view(), name="status"),
    path(
        "patients/<uuid:patient>/coverage/",
        fact_view("coverage", contracts.Coverage).as_view(),
        name="coverage",
    ),
    path("contracts/", contracts.Contracts.as_view(), name="contracts"),
    path(
        "contracts/<str:contract>/milestones/",
        contracts.ContractMilestones.as_view(),
        name="contract-milestones",
    ),
    path(
        "contracts/<str:contract>/exposure/", contracts.ContractExposure.as_view(), name="contract-exposure"
    ),
    path("figures/", figures.CohortFigures.as_view(), name="figures"),
    path("milestones/<uuid:milestone>/", milestones.Milestone.as_view(), name="milestone"),
    path(
        "milestones/<uuid:milestone>/versions/<int:version>/",
        milestones.MilestoneVersion.as_view(),
        name="milestone-version",
    ),
    path(
        "milestones/<uuid:milestone>/attest/", milestones.MilestoneAttest.as_view(), name="milestone-attest"
    ),
    path("patients/<uuid:patient>/handover/", handover.Handover.as_view(), name="handover"),
    path("packets/<uuid:patient>/", packets.Packets.as_view(), name="packet"),
    path("packets/<uuid:patient>/versions/", packets.PacketVersions.as_view(), name="packet-versions"),
    path(
        "packets/<uuid:patient>/versions/<int:version>/",
        packets.PacketVersion.as_view(),
        name="packet-version",
    ),
    path("claims/<uuid:patient>/check/", packets.ClaimCheck.as_view(), name="claim-check"),
    path("exports/", exports.Exports.as_view(), name="exports"),
    path("exports/<uuid:export>/", exports.ExportDetail.as_view(), name="export"),
    path("exports/<uuid:export>/files/<str:name>", exports.ExportFile.as_view(), name="export-file"),
    path("exports/<uuid:export>/rows/", exports.ExportRows.as_view(), name="export-rows"),
    path("exports/<uuid:export>/approve/", exports.ExportApprove.as_view(), name="export-approve"),
    path("exports/<uuid:export>/publish/", exports.ExportPublish.as_view(), name="export-publish"),
]
