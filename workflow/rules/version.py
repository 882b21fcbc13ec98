"""The version of the rules as a whole: every derived row carries it, so a deployment knows what to redo."""

RULES_VERSION = "5"
