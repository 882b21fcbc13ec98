from workflow.models.acts import Act, Authorization, Infusion, InfusionSlot, Kit
from workflow.models.feed import Feed, FeedEntry
from workflow.models.notice import Notice, SiteTask, Watermark
from workflow.models.pathway import Alert, GateDecision, Pathway, TaskDue
from workflow.models.view import SavedView

__all__ = [
    "Act",
    "Alert",
    "Authorization",
    "Feed",
    "FeedEntry",
    "GateDecision",
    "Infusion",
    "InfusionSlot",
    "Kit",
    "Notice",
    "Pathway",
    "SavedView",
    "SiteTask",
    "TaskDue",
    "Watermark",
]
