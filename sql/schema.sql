-- The tables of the system as they are now. This file is the truth: a test compares it with what the migrations make.

-- The nodes that are registered. `capabilities` is an array of {"name": ..., "description": ...}.
CREATE TABLE registered_nodes (
    node_id VARCHAR(255) PRIMARY KEY,
    node_name VARCHAR(255) NOT NULL,
    node_type VARCHAR(50) NOT NULL,
    version VARCHAR(50) NOT NULL,
    capabilities JSONB DEFAULT '[]',
    endpoints JSONB DEFAULT '{}',
    health_status VARCHAR(50) DEFAULT 'unknown',
    last_heartbeat TIMESTAMP WITH TIME ZONE,
    registration_timestamp TIMESTAMP WITH TIME ZONE,
    consul_registered BOOLEAN DEFAULT FALSE,
    postgres_registered BOOLEAN DEFAULT TRUE,
    metadata JSONB DEFAULT '{}'
);
CREATE INDEX registered_nodes_by_type ON registered_nodes (node_type);
CREATE INDEX registered_nodes_by_capability ON registered_nodes USING gin (capabilities jsonb_path_ops);

-- One row per window, strategy and group. Unknown is NULL, so success_rate has no default: 0 would claim that all failed.
-- Pages are left a third empty so that a refreshed row finds room beside its older self and no index has to change.
CREATE TABLE codegen_metrics_aggregated (
    aggregation_id UUID PRIMARY KEY,
    window_type VARCHAR(50) NOT NULL,
    window_start TIMESTAMP WITH TIME ZONE NOT NULL,
    window_end TIMESTAMP WITH TIME ZONE NOT NULL,
    aggregation_type VARCHAR(50) NOT NULL,
    group_key VARCHAR(255) NOT NULL,
    total_generations INTEGER DEFAULT 0,
    successful_generations INTEGER DEFAULT 0,
    failed_generations INTEGER DEFAULT 0,
    success_rate NUMERIC(5, 4),
    started_generations INTEGER DEFAULT 0,
    in_flight_generations INTEGER DEFAULT 0,
    abandoned_generations INTEGER DEFAULT 0,
    conflicting_terminal_events INTEGER DEFAULT 0,
    duration_statistics JSONB,
    quality_statistics JSONB,
    cost_statistics JSONB,
    lake_id UUID NOT NULL,
    lake_version BIGINT NOT NULL, -- the version of the lake that made this content
    checked_lake_version BIGINT NOT NULL, -- the latest version at which the content was computed again
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), -- when the content last changed
    attempt_statistics JSONB,
    stage_statistics JSONB, -- these three are objects by the names of the stages, models, node types
    model_statistics JSONB,
    node_type_statistics JSONB,
    UNIQUE (window_type, window_start, aggregation_type, group_key),
    CONSTRAINT window_not_empty CHECK (window_end > window_start),
    CONSTRAINT success_rate_in_bounds CHECK (success_rate BETWEEN 0 AND 1),
    CONSTRAINT total_is_sum CHECK (total_generations = successful_generations + failed_generations),
    CONSTRAINT lake_version_checked CHECK (lake_version <= checked_lake_version)
) WITH (fillfactor = 66);

-- The latest lake version at which each window was computed, kept even when the window has no row: what an older version
-- computed must not come back after a newer one has emptied the window.
CREATE TABLE refreshed_windows (
    window_type VARCHAR(50) NOT NULL,
    window_start TIMESTAMP WITH TIME ZONE NOT NULL,
    lake_id UUID NOT NULL,
    checked_lake_version BIGINT NOT NULL,
    PRIMARY KEY (window_type, window_start)
) WITH (fillfactor = 66);

-- How far each refresh has come in the lake.
CREATE TABLE refresh_progress (
    name TEXT PRIMARY KEY,
    lake_id UUID NOT NULL,
    lake_version BIGINT NOT NULL,
    as_of TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);

-- Which version of the lake brought which micro-batch, so that a row can be explained when the lake has forgotten that
-- version. The first entry of a lake has no micro-batch: all that is not noted came with that version or before it.
CREATE TABLE lake_batches (
    lake_id UUID NOT NULL,
    lake_version BIGINT NOT NULL,
    batch_id TEXT NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
    PRIMARY KEY (lake_id, lake_version)
);

-- Every transition of every workflow, the rejected ones with their reason.
CREATE TABLE workflow_state_history (
    transition_id UUID PRIMARY KEY,
    workflow_id UUID NOT NULL,
    from_state VARCHAR(50) NOT NULL,
    to_state VARCHAR(50) NOT NULL,
    event VARCHAR(50) NOT NULL,
    transition_timestamp TIMESTAMP WITH TIME ZONE,
    guard_conditions_met BOOLEAN DEFAULT TRUE,
    reason TEXT,
    metadata JSONB DEFAULT '{}'
);
CREATE INDEX workflow_state_history_by_workflow ON workflow_state_history (workflow_id, transition_timestamp);

-- Where each workflow stands.
CREATE TABLE workflow_state_current (
    workflow_id UUID PRIMARY KEY,
    current_state VARCHAR(50) NOT NULL,
    previous_state VARCHAR(50),
    state_entry_time TIMESTAMP WITH TIME ZONE,
    transition_count INTEGER DEFAULT 0,
    metadata JSONB DEFAULT '{}'
);
CREATE INDEX workflow_state_current_by_state ON workflow_state_current (current_state, state_entry_time);
