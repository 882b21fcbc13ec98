from outcomes.models.assessment import Assessment
from outcomes.models.export import (
    DatasetRows,
    Export,
    ExportApproval,
    Publication,
    PublishedRow,
    SubjectCode,
)

__all__ = [
    "Assessment",
    "DatasetRows",
    "Export",
    "ExportApproval",
    "Publication",
    "PublishedRow",
    "SubjectCode",
]
