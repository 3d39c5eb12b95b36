"""What Dagster loads. The environment is read here and in the resources, nowhere below."""

import warnings

import dagster as dg

from assets.checks import statistics_check
from assets.environment import read_first_day, read_settings, write_events_in_batches
from assets.events import events_are_sound, events_spec
from assets.lifecycle import histories_lead_to_states, lifecycle_schedule, workflow_lifecycle
from assets.oracle_check import oracle_check
from assets.registry import consistency_schedule, consul_is_consistent, registry_consistency
from assets.repair import repair_sensor, statistics_repair
from assets.resources import RESOURCES
from assets.schedules import statistics_schedule
from assets.statistics import statistics_asset
from assets.upkeep import UPKEEP_SCHEDULES, lake_compaction, lake_retention, row_counts_agree
from pipelines.enums import EnumWindowType

# One run for a whole backfill: Dagster calls that a beta feature, some 30 times a start. Its version is pinned. It says
# so of the owners of a sensor, too, whether it has any or not.
warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*(backfill_policy|owners)")


@dg.definitions
def defs() -> dg.Definitions:
    """Everything, in one graph: the lake's events, its upkeep, the four statistics and the lifecycle made from them."""
    write_events_in_batches()
    first_day = read_first_day()
    return dg.Definitions(
        assets=[
            events_spec(read_settings().lake),
            lake_compaction,
            lake_retention,
            workflow_lifecycle,
            registry_consistency,
            *(statistics_asset(window_type, first_day) for window_type in EnumWindowType),
        ],
        asset_checks=[
            events_are_sound,
            row_counts_agree,
            histories_lead_to_states,
            consul_is_consistent,
            *(statistics_check(window_type) for window_type in EnumWindowType),
            *(oracle_check(window_type) for window_type in EnumWindowType),
        ],
        jobs=[statistics_repair],
        sensors=[repair_sensor()],
        schedules=[
            *map(statistics_schedule, EnumWindowType),
            *UPKEEP_SCHEDULES,
            lifecycle_schedule,
            consistency_schedule,
        ],
        resources=RESOURCES,
        executor=dg.in_process_executor,
    )
