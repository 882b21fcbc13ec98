"""All that is measured at one milestone, put together."""

from __future__ import annotations

from outcomes.rules.figures import exact
from outcomes.rules.scene import Scene, change
from outcomes.rules.verdicts import Measures


def measures(scene: Scene) -> Measures:
    """The measures of a milestone whose window has opened."""
    record, window = scene.record, scene.window
    seen, baseline, state = scene.bleeds(window), record.baseline, scene.prophylaxis
    rate = scene.rate(seen, "all")
    before = baseline.rate() if baseline else None
    one_stage, chromogenic = scene.activity("one_stage"), scene.activity("chromogenic")
    return Measures(
        fix_one_stage=one_stage.reading,
        fix_chromogenic=chromogenic.reading,
        fix_contaminated_excluded=one_stage.contaminated,
        window_start=window.period.first,
        window_end=window.period.last,
        provisional=window.provisional,
        observed_days=seen.days,
        bleeds_all=seen.of("all"),
        bleeds_treated=seen.of("treated"),
        abr_all=exact(rate),
        abr_treated=exact(scene.rate(seen, "treated")),
        abr_spontaneous=exact(scene.rate(seen, "spontaneous")),
        abr_joint=exact(scene.rate(seen, "joint")),
        abr_upper_limit=scene.limit(seen, "all"),
        baseline_abr_all=exact(before),
        baseline_observed_days=baseline.days if baseline else None,
        abr_change_pct=exact(change(rate, before)),
        factor_use_iu_per_kg_year=exact(record.used(window.period, seen.days, "all")),
        factor_use_prophylaxis_iu_per_kg_year=exact(record.used(window.period, seen.days, "prophylaxis")),
        baseline_factor_use_iu_per_kg_year=exact(baseline.used)
        if baseline and baseline.long_enough
        else None,
        off_prophylaxis=state.off,
        back_on_prophylaxis_on=state.back_on,
        never_off=state.never_off,
    )
