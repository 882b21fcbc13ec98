"""Routes of this room below /api/v1/."""

from __future__ import annotations

from django.urls import path

from workflow.api import acts, audit, bookings, custody, desk, feeds, imports, infusions, results, worklist
from workflow.api.facts import fact_views

PATIENT = "patients/<uuid:patient>"

routes = [
    path("audit/events/", audit.EventsPage.as_view(), name="audit-events"),
    path("audit/events.csv", audit.EventsFile.as_view(), name="audit-events-file"),
    path("audit/reads/", audit.ReadsPage.as_view(), name="audit-reads"),
    path("audit/reads.csv", audit.ReadsFile.as_view(), name="audit-reads-file"),
    path("audit/refusals/", audit.RefusalsPage.as_view(), name="audit-refusals"),
    path("audit/refusals.csv", audit.RefusalsFile.as_view(), name="audit-refusals-file"),
    path(f"{PATIENT}/transfer/", custody.Transfer.as_view(), name="transfer"),
    path("transfers/", custody.Transfers.as_view(), name="transfers"),
    path(f"{PATIENT}/merge/", custody.Merge.as_view(), name="merge"),
    path(f"{PATIENT}/merge/undo/", custody.MergeUndo.as_view(), name="merge-undo"),
    path(f"{PATIENT}/erase/", custody.Erase.as_view(), name="erase"),
    path(f"{PATIENT}/erase/confirm/", custody.EraseConfirm.as_view(), name="erase-confirm"),
    path(f"{PATIENT}/reads/", audit.PatientReads.as_view(), name="patient-reads"),
    path(f"{PATIENT}/results/", results.Results.as_view(), name="results"),
    path("results/<uuid:result>/versions/", results.Versions.as_view(), name="result-versions"),
    path("results/<uuid:result>/retract/", results.Retract.as_view(), name="result-retract"),
    *(path(f"{PATIENT}/{kind}/", view.as_view(), name=kind) for kind, view in fact_views()),
    path(f"{PATIENT}/plan/", acts.Plan.as_view(), name="plan"),
    path(f"{PATIENT}/plan/preview/", acts.PlanPreview.as_view(), name="plan-preview"),
    path(f"{PATIENT}/bookings/", bookings.Bookings.as_view(), name="bookings"),
    path("worklist/<uuid:task>/book/", bookings.BookTask.as_view(), name="task-book"),
    path(f"{PATIENT}/infusion/", infusions.Infusions.as_view(), name="infusion"),
    path(f"{PATIENT}/infusion/history/", infusions.InfusionHistory.as_view(), name="infusion-history"),
    path(f"{PATIENT}/infusion/attending/", infusions.Attending.as_view(), name="infusion-attending"),
    path(
        f"{PATIENT}/infusion/override/confirm/",
        infusions.OverrideConfirm.as_view(),
        name="infusion-override-confirm",
    ),
    path(f"{PATIENT}/infusion/void/", infusions.InfusionVoid.as_view(), name="infusion-void"),
    path(
        f"{PATIENT}/infusion/void/confirm/",
        infusions.InfusionVoidConfirm.as_view(),
        name="infusion-void-confirm",
    ),
    path("overrides/", infusions.Overrides.as_view(), name="overrides"),
    path(f"{PATIENT}/steroid-courses/", acts.SteroidCourses.as_view(), name="steroid-courses"),
    path(f"{PATIENT}/prophylaxis-stop/", acts.ProphylaxisStop.as_view(), name="prophylaxis-stop"),
    path("steroid-courses/<uuid:course>/", acts.SteroidCourse.as_view(), name="steroid-course"),
    path("steroid-courses/<uuid:course>/doses/", acts.SteroidDoses.as_view(), name="steroid-doses"),
    path(f"{PATIENT}/pins/", acts.Pins.as_view(), name="pins"),
    path(f"{PATIENT}/pins/preview/", acts.PinsPreview.as_view(), name="pins-preview"),
    path("imports/", imports.Imports.as_view(), name="imports"),
    path("imports/<uuid:inbound>/", imports.ImportDetail.as_view(), name="import"),
    path("imports/<uuid:inbound>/items/", imports.ImportItems.as_view(), name="import-items"),
    path("imports/<uuid:inbound>/errors.csv", imports.ImportErrors.as_view(), name="import-errors"),
    path("imports/<uuid:inbound>/raw/", imports.ImportRaw.as_view(), name="import-raw"),
    path("quarantine/", desk.Quarantine.as_view(), name="quarantine"),
    path("quarantine/<uuid:item>/", desk.QuarantineDetail.as_view(), name="quarantine-item"),
    path("quarantine/<uuid:item>/resolve/", desk.Resolve.as_view(), name="quarantine-resolve"),
    path("code-maps/", desk.CodeMaps.as_view(), name="code-maps"),
    path("table-mappings/", desk.TableMappings.as_view(), name="table-mappings"),
    path("worklist/", worklist.Worklist.as_view(), name="worklist"),
    path("worklist/<uuid:task>/complete/", worklist.CompleteTask.as_view(), name="task-complete"),
    path("worklist/<uuid:task>/waive/", worklist.WaiveTask.as_view(), name="task-waive"),
    path("worklist/<uuid:task>/miss/", worklist.MissTask.as_view(), name="task-miss"),
    path("worklist/<uuid:task>/snooze/", worklist.SnoozeTask.as_view(), name="task-snooze"),
    path("worklist/<uuid:task>/assign/", worklist.AssignTask.as_view(), name="task-assign"),
    path("worklist/<uuid:task>/contacts/", worklist.TaskContacts.as_view(), name="task-contacts"),
    path("feeds/", feeds.Feeds.as_view(), name="feeds"),
    path("feeds/<uuid:feed>/", feeds.FeedDetail.as_view(), name="feed"),
    path("alerts/", worklist.Alerts.as_view(), name="alerts"),
    path("alerts/<uuid:alert>/acknowledge/", worklist.Acknowledge.as_view(), name="alert-acknowledge"),
]
