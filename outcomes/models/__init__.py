from outcomes.models.assessment import Assessment
from outcomes.models.export import (
    DatasetRows,
    Export,
    ExportApproval,
    Publication,
    PublishedRow,
    SubjectCode,
)
from outcomes.models.figures import FigureRow

__all__ = [
    "Assessment",
    "DatasetRows",
    "Export",
    "ExportApproval",
    "FigureRow",
    "Publication",
    "PublishedRow",
    "SubjectCode",
]
