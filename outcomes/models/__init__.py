from outcomes.models.assessment import Assessment

__all__ = ["Assessment"]
