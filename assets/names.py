"""How the assets are named and to whom they belong."""

import dagster as dg

from pipelines.enums import EnumWindowType

EVENTS = dg.AssetKey("events")
COMPACTION = dg.AssetKey("lake_compaction")
CONSISTENCY = dg.AssetKey("registry_consistency")
LIFECYCLE = dg.AssetKey("workflow_lifecycle")
RETENTION = dg.AssetKey("lake_retention")
#: One group, so that the UI opens with the whole graph and not with closed boxes.
GROUP = "codegen_metrics"
#: What started a run: schedule, repair; a run by hand has none.
TRIGGER_TAG = "omninode/trigger"
WINDOW_TAG = "omninode/window"
OWNERS = ["team:metrics"]


def statistics_key(window_type: EnumWindowType) -> dg.AssetKey:
    """Return the key of the asset of one window type.

    >>> statistics_key(EnumWindowType.HOURLY).to_user_string()
    'hourly_statistics'
    """
    return dg.AssetKey(f"{window_type.value}_statistics")
