"""Stock lists over people, places and laboratory sources."""

from patients.admin import lists

__all__ = ["lists"]
