"""Fields that an auditor sees empty: what people typed, and numbers that may name a person."""

FACT = frozenset({"note", "number", "source_id"})
RESULT = frozenset({"value_text", "source_id"})
DESK = frozenset({"raw", "text", "value_text", "resolved_reason"})
TASK = frozenset({"reason"})
COURSE = frozenset({"alternative_cause"})
INFUSION = frozenset({"premedication", "interruptions", "reactions", "vitals"})
