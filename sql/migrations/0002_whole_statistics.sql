-- Attempts, stages, models and node types of each row; and what is needed to explain a row after the lake's log is gone.

ALTER TABLE codegen_metrics_aggregated
    ADD COLUMN attempt_statistics JSONB,
    ADD COLUMN stage_statistics JSONB,
    ADD COLUMN model_statistics JSONB,
    ADD COLUMN node_type_statistics JSONB;

-- Which version of the lake brought which micro-batch, so that a row can be explained when the lake has forgotten that
-- version. The first entry of a lake has no micro-batch: all that is not noted came with that version or before it.
CREATE TABLE lake_batches (
    lake_id UUID NOT NULL,
    lake_version BIGINT NOT NULL,
    batch_id TEXT NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    PRIMARY KEY (lake_id, lake_version)
);

-- What adds up of the hours and days of windows that are too large to be computed each time (pipelines/kept_states.py).
-- If a day has a state, so has each of its hours in which something started or ended.
CREATE TABLE statistics_states (
    span VARCHAR(50) NOT NULL, -- hourly | daily
    span_start TIMESTAMP WITH TIME ZONE NOT NULL,
    lake_id UUID NOT NULL,
    lake_version BIGINT NOT NULL,
    state BYTEA NOT NULL,
    PRIMARY KEY (span, span_start)
);

-- The next refresh computes all windows, and so fills the new columns.
DELETE FROM refresh_progress WHERE name = 'statistics';
