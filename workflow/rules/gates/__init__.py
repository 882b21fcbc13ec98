"""Pre-treatment gates: may this patient be infused on that date, and if not, why and what next?"""

from workflow.rules.gates.judge import allowed_places, breakpoints, judge, judge_all

__all__ = ["allowed_places", "breakpoints", "judge", "judge_all"]
