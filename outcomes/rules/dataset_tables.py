"""Tables and columns of the payer data set, schema version 1: the one description that writers, dictionary,
package and pages share. Version 1 knows factor IX only.

`kind`: string, integer, number, boolean, date, datetime. `source` says what the numbers come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

SCHEMA_VERSION = "1"
LIMITED, HARBOR, AGGREGATE = "limited_data_set", "safe_harbor", "aggregate"
PROFILES = (LIMITED, HARBOR, AGGREGATE)
DAY = "_day"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: str
    unit: str
    description: str
    source: str


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    title: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that tell two rows of the table apart, where there are such."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)


CONTRACT, RULE, FACT, PACKAGE, LAB = "contract", "measure", "recorded fact", "export", "laboratory result"
PER_YEAR, IU_YEAR = "1/year", "IU/kg/year"
CRUDE = "crude rate: bleeds per observed year; published trial rates are model-adjusted and will not match"


def _columns(text: str) -> tuple[Column, ...]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return tuple(Column(*(cell.strip() for cell in row)) for row in rows)


MILESTONES = Table(
    "milestones",
    "One row per subject and milestone of the contract",
    _columns(f"""
contract_id|string||code of the contract|{CONTRACT}
contract_version|string||version of the contract in which the subject is enrolled|{CONTRACT}
subject_id|string||random code of the subject in this contract|{PACKAGE}
site_code|string||treatment centre; blank in safe_harbor|{PACKAGE}
month|integer|month|month of the milestone|{CONTRACT}
target_day|integer|d|target of the milestone, days since Day 0 (the infusion)|{CONTRACT}
window_open_day|integer|d|first day of the milestone's window|{CONTRACT}
window_close_day|integer|d|last day of the milestone's window|{CONTRACT}
verdict|string||pending, due, met, not_met or not_evaluable|{RULE}
verdict_reason|string||why; dates are given as study days|{RULE}
attested|boolean||whether a clinician attested this version|{FACT}
assessment_version|integer||1, and one more for each change after an attestation|{RULE}
fix_one_stage_iu_dl|number|IU/dL|one-stage factor IX activity nearest the target without concentrate in the sample; empty where the laboratory gave a bound such as <1 (see criteria)|{LAB}
fix_one_stage_day|integer|d|day of that sample|{LAB}
fix_chromogenic_iu_dl|number|IU/dL|the same by chromogenic assay; never mixed with one-stage|{LAB}
fix_chromogenic_day|integer|d|day of that sample|{LAB}
fix_contaminated_excluded|integer|count|one-stage samples in the window left out because concentrate was in them|{LAB}
abr_all|number|{PER_YEAR}|all bleeds; {CRUDE}. Before the contract's own window has begun: since Day 0, provisional|{RULE}
abr_treated|number|{PER_YEAR}|bleeds that were treated; crude|{RULE}
abr_spontaneous|number|{PER_YEAR}|spontaneous bleeds; crude|{RULE}
abr_joint|number|{PER_YEAR}|joint bleeds; crude|{RULE}
abr_window_start_day|integer|d|first day of the observation window|{RULE}
abr_window_end_day|integer|d|last day of the observation window|{RULE}
observed_days|integer|d|days in the window on which bleeds could be observed|{RULE}
bleeds_all|integer|count|bleeds in the window; records within 72 hours at one place are one bleed|{RULE}
bleeds_treated|integer|count|of these, treated|{RULE}
baseline_abr_all|number|{PER_YEAR}|all bleeds in the lead-in before Day 0; crude|{RULE}
baseline_observed_days|integer|d|observed days of the lead-in|{RULE}
abr_change_pct|number|%|change of abr_all from baseline; negative means fewer bleeds|{RULE}
factor_use_iu_per_kg_year|number|{IU_YEAR}|factor IX concentrate used in the window|{RULE}
factor_use_prophylaxis_iu_per_kg_year|number|{IU_YEAR}|of this, for routine prophylaxis|{RULE}
baseline_factor_use_iu_per_kg_year|number|{IU_YEAR}|concentrate used in the lead-in|{RULE}
off_prophylaxis|boolean||no continuous routine prophylaxis from day 21|{RULE}
back_on_prophylaxis_day|integer|d|day on which continuous prophylaxis began again|{RULE}
payer_at_milestone|string||who covers the target day; in safe_harbor only payers named in contracts, else other|{FACT}
refund_pct_at_risk|number|%|share of the price still open at this milestone, after the cap|{CONTRACT}
refund_pct_triggered|number|%|share of the price triggered by this milestone, after the cap|{CONTRACT}
as_of|date||the data set shows what was true by this date|{PACKAGE}
as_known_at|datetime||and recorded by this instant (UTC)|{PACKAGE}
pathway_version|string||version of the clinical pathway in force for the subject|{RULE}
schema_version|string||version of this layout|{PACKAGE}
"""),
    ("subject_id", "month"),
)
CRITERIA = Table(
    "criteria",
    "One row per criterion of a milestone",
    _columns(f"""
contract_id|string||code of the contract|{CONTRACT}
subject_id|string||random code of the subject in this contract|{PACKAGE}
month|integer|month|month of the milestone|{CONTRACT}
criterion|string||code of the criterion|{CONTRACT}
metric|string||fix_activity, abr, abr_change, factor_use or off_prophylaxis|{CONTRACT}
assay|string||one_stage or chromogenic where the metric has one|{CONTRACT}
value|string||what was measured: a number with its comparator if the laboratory gave one, or true, false|{RULE}
unit|string||unit of the value|{RULE}
comparator|string||of the condition|{CONTRACT}
threshold|number||limit of the condition|{CONTRACT}
baseline|number||value before Day 0, where the condition compares with it|{RULE}
verdict|string||as for milestones, or not_applicable|{RULE}
reason|string||why; dates are given as study days|{RULE}
upper_limit|number|{PER_YEAR}|exact Poisson upper limit of the crude rate|{RULE}
evidence_days|string|d|study days of the facts that decided|{FACT}
"""),
    ("subject_id", "month", "criterion"),
)
BLEEDS = Table(
    "bleeds",
    "One row per record of a bleed",
    _columns(f"""
subject_id|string||random code of the subject in this contract|{PACKAGE}
onset_day|integer|d|day of onset|{FACT}
site_class|string||class of the place|{FACT}
joint|boolean||a joint bleed|{FACT}
cause|string||spontaneous, traumatic or unknown|{FACT}
life_threatening|boolean||as recorded|{FACT}
treated|boolean||as recorded|{FACT}
same_bleed_as|integer|d|onset day of the record whose bleed this one continues (within 72 hours, same place)|{RULE}
"""),
    ("subject_id", "onset_day", "site_class"),
)
FACTOR_USE = Table(
    "factor_use",
    "One row per use of factor concentrate",
    _columns(f"""
subject_id|string||random code of the subject in this contract|{PACKAGE}
day|integer|d|day it was given|{FACT}
product|string||product of the catalogue, else OTHER|{FACT}
iu|number|IU|international units|{FACT}
iu_per_kg|number|IU/kg|units by weight|{RULE}
weight_kg|number|kg|weight nearest the use, else that of the infusion|{FACT}
reason|string||prophylaxis, bleed, surgery or other|{FACT}
"""),
    ("subject_id", "day", "product", "reason"),
)
FIX_ACTIVITY = Table(
    "fix_activity",
    "One row per factor IX activity",
    _columns(f"""
subject_id|string||random code of the subject in this contract|{PACKAGE}
day|integer|d|day of collection|{LAB}
assay|string||one_stage or chromogenic|{LAB}
value_iu_dl|number|IU/dL|activity; empty where the laboratory gave a bound such as <1|{LAB}
contaminated|boolean||concentrate was still in the sample|{RULE}
days_since_factor|integer|d|days since the last concentrate|{RULE}
used_for_month|integer|month|milestone for which the sample was used|{RULE}
"""),
    ("subject_id", "day", "assay"),
)
SUMMARY = Table(
    "aggregate",
    "Groups of at least 11 subjects",
    _columns(f"""
contract_id|string||code of the contract|{CONTRACT}
month|integer|month|month of the milestone|{CONTRACT}
measure|string||what is counted or averaged|{RULE}
n|integer|count|subjects, rounded down to a multiple of 11; blank below 11 and where it would give another group away|{RULE}
value|number||share of subjects to 0.05, or the statistic named by the measure, rounded; blank with n|{RULE}
"""),
    ("month", "measure"),
)
ROW_TABLES = (MILESTONES, CRITERIA, BLEEDS, FACTOR_USE, FIX_ACTIVITY)
DICTIONARY = Table(
    "dictionary",
    "What each column means",
    _columns(f"""
file|string||table|{PACKAGE}
column|string||column|{PACKAGE}
type|string||type of its values|{PACKAGE}
unit|string||UCUM-like unit|{PACKAGE}
description|string||meaning|{PACKAGE}
source|string||where the values come from|{PACKAGE}
"""),
    ("file", "column"),
)


def tables(profile: str) -> tuple[Table, ...]:
    """The tables of a profile; a limited data set has the dates of milestones at their end."""
    if profile == AGGREGATE:
        return (SUMMARY,)
    return ROW_TABLES if profile == HARBOR else (dated(MILESTONES), *ROW_TABLES[1:])


def dated(table: Table) -> Table:
    """The table with a date for each study day."""
    added = tuple(
        Column(f"{c.name.removesuffix(DAY)}_on", "date", "", f"date of {c.name}", c.source)
        for c in table.columns
        if c.name.endswith(DAY)
    )
    return Table(table.name, table.title, (*table.columns, *added), table.key)


def dictionary(profile: str) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Rows of dictionary.csv, itself included."""
    for table in (*tables(profile), DICTIONARY):
        for c in table.columns:
            yield table.name, c.name, c.kind, c.unit, c.description, c.source
