-- Every statement that the package sends, each under its name. sql/queries.py loads them.

-- take_write_turn --
-- Refreshes write one after another, until the end of the transaction. What a refresh reads after this line is therefore
-- all that the earlier ones left behind.
SELECT pg_advisory_xact_lock(4702111234474983745);

-- create_incoming_metrics --
-- Where COPY puts the rows, of the same types as the table, so that they are compared as they would be stored.
CREATE TEMPORARY TABLE incoming_metrics (
    aggregation_id UUID,
    window_type VARCHAR(50),
    window_start TIMESTAMP WITH TIME ZONE,
    window_end TIMESTAMP WITH TIME ZONE,
    aggregation_type VARCHAR(50),
    group_key VARCHAR(255),
    total_generations INTEGER,
    successful_generations INTEGER,
    failed_generations INTEGER,
    success_rate NUMERIC(5, 4),
    started_generations INTEGER,
    in_flight_generations INTEGER,
    abandoned_generations INTEGER,
    conflicting_terminal_events INTEGER,
    duration_statistics JSONB,
    quality_statistics JSONB,
    cost_statistics JSONB,
    attempt_statistics JSONB,
    stage_statistics JSONB,
    model_statistics JSONB,
    node_type_statistics JSONB
) ON COMMIT DROP;

-- copy_incoming_metrics --
-- The columns stand in the order of sql/metric_rows.py.
COPY incoming_metrics FROM STDIN;

-- replace_windows --
-- Put the incoming rows in the place of what the given windows hold, but leave out the windows that hold what a later
-- version of the same lake made. A row's lake_version and updated_at change only with its content.
WITH given AS (
    SELECT * FROM unnest(%(window_types)s::VARCHAR[], %(window_starts)s::TIMESTAMPTZ[]) AS g (window_type, window_start)
),
accepted AS (
    INSERT INTO refreshed_windows AS w (window_type, window_start, lake_id, checked_lake_version)
    SELECT window_type, window_start, %(lake_id)s::UUID, %(lake_version)s::BIGINT FROM given
    ON CONFLICT (window_type, window_start) DO UPDATE
    SET lake_id = excluded.lake_id, checked_lake_version = excluded.checked_lake_version
    WHERE w.lake_id <> excluded.lake_id OR w.checked_lake_version <= excluded.checked_lake_version
    RETURNING window_type, window_start
),
deleted AS (
    DELETE FROM codegen_metrics_aggregated AS m
    USING accepted AS a
    WHERE (m.window_type, m.window_start) = (a.window_type, a.window_start)
    AND NOT EXISTS (
        SELECT FROM incoming_metrics AS i
        WHERE (i.window_type, i.window_start, i.aggregation_type, i.group_key)
            = (m.window_type, m.window_start, m.aggregation_type, m.group_key)
    )
    RETURNING 1
),
written AS (
    INSERT INTO codegen_metrics_aggregated AS m (
        aggregation_id, window_type, window_start, window_end, aggregation_type, group_key,
        total_generations, successful_generations, failed_generations, success_rate,
        started_generations, in_flight_generations, abandoned_generations, conflicting_terminal_events,
        duration_statistics, quality_statistics, cost_statistics,
        attempt_statistics, stage_statistics, model_statistics, node_type_statistics,
        lake_id, lake_version, checked_lake_version, updated_at
    )
    SELECT i.*, %(lake_id)s::UUID, %(lake_version)s::BIGINT, %(lake_version)s::BIGINT, now()
    FROM incoming_metrics AS i
    JOIN accepted AS a USING (window_type, window_start)
    ON CONFLICT (window_type, window_start, aggregation_type, group_key) DO UPDATE
    SET aggregation_id = excluded.aggregation_id,
        window_end = excluded.window_end,
        total_generations = excluded.total_generations,
        successful_generations = excluded.successful_generations,
        failed_generations = excluded.failed_generations,
        success_rate = excluded.success_rate,
        started_generations = excluded.started_generations,
        in_flight_generations = excluded.in_flight_generations,
        abandoned_generations = excluded.abandoned_generations,
        conflicting_terminal_events = excluded.conflicting_terminal_events,
        duration_statistics = excluded.duration_statistics,
        quality_statistics = excluded.quality_statistics,
        cost_statistics = excluded.cost_statistics,
        attempt_statistics = excluded.attempt_statistics,
        stage_statistics = excluded.stage_statistics,
        model_statistics = excluded.model_statistics,
        node_type_statistics = excluded.node_type_statistics,
        lake_id = excluded.lake_id,
        checked_lake_version = excluded.checked_lake_version,
        (lake_version, updated_at) = (
            SELECT
                CASE WHEN changed THEN excluded.lake_version ELSE m.lake_version END,
                CASE WHEN changed THEN excluded.updated_at ELSE m.updated_at END
            FROM (
                SELECT (
                    m.lake_id, m.aggregation_id, m.window_end,
                    m.total_generations, m.successful_generations, m.failed_generations, m.success_rate,
                    m.started_generations, m.in_flight_generations, m.abandoned_generations,
                    m.conflicting_terminal_events, m.duration_statistics, m.quality_statistics, m.cost_statistics,
                    m.attempt_statistics, m.stage_statistics, m.model_statistics, m.node_type_statistics
                ) IS DISTINCT FROM (
                    excluded.lake_id, excluded.aggregation_id, excluded.window_end,
                    excluded.total_generations, excluded.successful_generations, excluded.failed_generations,
                    excluded.success_rate,
                    excluded.started_generations, excluded.in_flight_generations, excluded.abandoned_generations,
                    excluded.conflicting_terminal_events, excluded.duration_statistics, excluded.quality_statistics,
                    excluded.cost_statistics, excluded.attempt_statistics, excluded.stage_statistics,
                    excluded.model_statistics, excluded.node_type_statistics
                ) AS changed
            ) AS comparison
        )
    -- A row that was inserted has never been locked or updated: its xmax is 0. now() is the transaction's own time.
    RETURNING xmax = 0 AS inserted, updated_at = now() AS changed
)
SELECT
    count(*) FILTER (WHERE inserted) AS inserted,
    count(*) FILTER (WHERE changed AND NOT inserted) AS updated,
    count(*) FILTER (WHERE NOT changed) AS unchanged,
    (SELECT count(*) FROM deleted) AS deleted,
    (SELECT count(*) FROM incoming_metrics) - count(*) AS superseded
FROM written;

-- forget_other_lakes --
-- What another lake made is not explained by this one.
WITH forgotten AS (
    DELETE FROM refreshed_windows WHERE lake_id <> %(lake_id)s::UUID
)
DELETE FROM codegen_metrics_aggregated WHERE lake_id <> %(lake_id)s::UUID;

-- drop_incoming_metrics --
-- A second refresh in the same transaction makes its own.
DROP TABLE incoming_metrics;

-- read_metrics --
-- The rows of one window type and strategy whose window starts in [start, end); a missing bound is no bound.
SELECT
    aggregation_id, window_type, window_start, window_end, aggregation_type, group_key,
    total_generations, successful_generations, failed_generations, success_rate,
    started_generations, in_flight_generations, abandoned_generations, conflicting_terminal_events,
    duration_statistics::TEXT, quality_statistics::TEXT, cost_statistics::TEXT,
    attempt_statistics::TEXT, stage_statistics::TEXT, model_statistics::TEXT, node_type_statistics::TEXT,
    lake_id, lake_version, checked_lake_version, updated_at
FROM codegen_metrics_aggregated
WHERE window_type = %(window_type)s
AND aggregation_type = %(aggregation_type)s
AND window_start >= coalesce(%(start)s::TIMESTAMPTZ, '-infinity')
AND window_start < coalesce(%(end)s::TIMESTAMPTZ, 'infinity')
ORDER BY window_start, group_key COLLATE "C";

-- read_windows --
-- Every row of the given windows.
SELECT
    aggregation_id, window_type, window_start, window_end, aggregation_type, group_key,
    total_generations, successful_generations, failed_generations, success_rate,
    started_generations, in_flight_generations, abandoned_generations, conflicting_terminal_events,
    duration_statistics::TEXT, quality_statistics::TEXT, cost_statistics::TEXT,
    attempt_statistics::TEXT, stage_statistics::TEXT, model_statistics::TEXT, node_type_statistics::TEXT,
    lake_id, lake_version, checked_lake_version, updated_at
FROM codegen_metrics_aggregated
JOIN unnest(%(window_types)s::VARCHAR[], %(window_starts)s::TIMESTAMPTZ[]) AS g (window_type, window_start)
    USING (window_type, window_start)
ORDER BY window_type, window_start, aggregation_type, group_key COLLATE "C";

-- get_windows_made --
-- How large each of the given windows is, and how its percentiles were made: its row of all generations tells.
SELECT window_type, window_start, total_generations, duration_statistics ->> 'method' AS method
FROM codegen_metrics_aggregated
JOIN unnest(%(window_types)s::TEXT[], %(window_starts)s::TIMESTAMPTZ[]) AS w (window_type, window_start)
    USING (window_type, window_start)
WHERE aggregation_type = 'time_window';

-- get_metric --
-- One row by its id.
SELECT
    aggregation_id, window_type, window_start, window_end, aggregation_type, group_key,
    total_generations, successful_generations, failed_generations, success_rate,
    started_generations, in_flight_generations, abandoned_generations, conflicting_terminal_events,
    duration_statistics::TEXT, quality_statistics::TEXT, cost_statistics::TEXT,
    attempt_statistics::TEXT, stage_statistics::TEXT, model_statistics::TEXT, node_type_statistics::TEXT,
    lake_id, lake_version, checked_lake_version, updated_at
FROM codegen_metrics_aggregated
WHERE aggregation_id = %(aggregation_id)s;

-- get_progress --
-- How far the refresh of this name has come.
SELECT lake_id, lake_version, as_of FROM refresh_progress WHERE name = %(name)s;

-- set_progress --
-- Forward only, except to another lake.
INSERT INTO refresh_progress AS p (name, lake_id, lake_version, as_of)
VALUES (%(name)s, %(lake_id)s::UUID, %(lake_version)s, %(as_of)s)
ON CONFLICT (name) DO UPDATE
SET lake_id = excluded.lake_id, lake_version = excluded.lake_version, as_of = excluded.as_of, updated_at = now()
WHERE p.lake_id <> excluded.lake_id OR (p.lake_version, p.as_of) <= (excluded.lake_version, excluded.as_of);

-- note_batches --
-- Which version of the lake brought which micro-batch: the lake's own log forgets it after some hours.
INSERT INTO lake_batches (lake_id, lake_version, batch_id)
SELECT %(lake_id)s::UUID, version, batch_id
FROM unnest(%(versions)s::BIGINT[], %(batch_ids)s::TEXT[]) AS b (version, batch_id)
ON CONFLICT DO NOTHING;

-- forget_batches --
-- After a gap in the lake's log nobody knows what came in which version: begin anew.
DELETE FROM lake_batches WHERE lake_id <> %(lake_id)s::UUID OR lake_version < %(lake_version)s;

-- expire_batches --
-- Rows that were last computed before what is kept can then only be explained by versions that the lake still has.
DELETE FROM lake_batches WHERE noted_at < now() - %(kept)s::INTERVAL AND (lake_id, lake_version) NOT IN (
    SELECT lake_id, max(lake_version) FROM lake_batches GROUP BY lake_id
);

-- get_first_noted_version --
-- From this version of the lake on, every later micro-batch is noted.
SELECT min(lake_version) FROM lake_batches WHERE lake_id = %(lake_id)s::UUID;

-- get_batches_after --
-- The micro-batches that came after a version.
SELECT batch_id FROM lake_batches WHERE lake_id = %(lake_id)s::UUID AND lake_version > %(lake_version)s AND batch_id <> '';

-- get_state_versions --
-- Which of the given spans have a state, and the version of the lake that it is of.
SELECT span, span_start, lake_version
FROM statistics_states
JOIN unnest(%(spans)s::TEXT[], %(span_starts)s::TIMESTAMPTZ[]) AS s (span, span_start) USING (span, span_start)
WHERE lake_id = %(lake_id)s::UUID;

-- get_states --
-- The states of the given spans.
SELECT span, span_start, lake_version, state
FROM statistics_states
JOIN unnest(%(spans)s::TEXT[], %(span_starts)s::TIMESTAMPTZ[]) AS s (span, span_start) USING (span, span_start)
WHERE lake_id = %(lake_id)s::UUID;

-- keep_state --
-- That nobody has come further in the lake, the refresh has seen in the same transaction.
INSERT INTO statistics_states (span, span_start, lake_id, lake_version, state)
VALUES (%(span)s, %(span_start)s, %(lake_id)s::UUID, %(lake_version)s, %(state)s)
ON CONFLICT (span, span_start) DO UPDATE
SET lake_id = excluded.lake_id, lake_version = excluded.lake_version, state = excluded.state;

-- forget_states_of_days --
-- The days and their hours: a day without a state is computed anew.
DELETE FROM statistics_states
WHERE date_trunc('day', span_start, 'UTC') = ANY (%(days)s::TIMESTAMPTZ[]);

-- forget_states_before --
-- What no window that is still merged needs, and what is of another lake.
DELETE FROM statistics_states WHERE span_start < %(start)s OR lake_id <> %(lake_id)s::UUID;

-- forget_states --
-- Nobody knows what has changed.
DELETE FROM statistics_states;

-- start_one_look --
-- What follows in the transaction sees one state of the database.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- get_oldest_transaction --
-- Whatever is committed later than this look was written by this transaction or one after it.
SELECT pg_snapshot_xmin(pg_current_snapshot())::TEXT::BIGINT;

-- copy_nodes --
-- All nodes for the search, in the columns of sql/node_feed.py; times as microseconds.
COPY (
    SELECT
        node_id, node_name, node_type, version,
        health_by_age(
            health_status, last_heartbeat, registration_timestamp, ttl_seconds, statement_timestamp(),
            (SELECT EXISTS (SELECT FROM registry_identity WHERE expiry_held_since IS NOT NULL))
        ),
        coalesce(capabilities, '[]'), coalesce(endpoints, '{}'), coalesce(metadata, '{}'),
        (extract(EPOCH FROM registration_timestamp) * 1000000)::BIGINT,
        (extract(EPOCH FROM last_heartbeat) * 1000000)::BIGINT
    FROM registered_nodes
) TO STDOUT (FORMAT csv);

-- get_changed_nodes --
-- The nodes that this transaction or a later one wrote; what only repeats is among them.
SELECT
    node_id, node_name, node_type, version,
    health_by_age(
        health_status, last_heartbeat, registration_timestamp, ttl_seconds, statement_timestamp(),
        (SELECT EXISTS (SELECT FROM registry_identity WHERE expiry_held_since IS NOT NULL))
    ) AS health_status,
    coalesce(capabilities, '[]') AS capabilities, coalesce(endpoints, '{}') AS endpoints,
    coalesce(metadata, '{}') AS metadata, registration_timestamp AS registered_at, last_heartbeat
FROM registered_nodes
WHERE changed_xid >= %(since)s::TEXT::XID8;

-- get_removed_nodes --
-- The nodes that such a transaction removed, and that did not come back.
SELECT DISTINCT h.node_id
FROM node_history AS h
WHERE h.changed_xid >= %(since)s::TEXT::XID8
AND h.change = 'deregistered'
AND NOT EXISTS (SELECT FROM registered_nodes AS n WHERE n.node_id = h.node_id);

-- listen_to_nodes --
-- A notice only makes the next look sooner: what it says is not read.
LISTEN registry_changed;

-- take_migration_turn --
-- Two migrators at once follow one another.
SELECT pg_advisory_xact_lock(4702111234474983746);

-- create_schema_migrations --
-- Which migrations the database has seen.
CREATE TABLE IF NOT EXISTS schema_migrations (
    name TEXT PRIMARY KEY,
    checksum TEXT NOT NULL,
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);

-- get_migrations --
-- The migrations that were applied, and the checksum of each as it was then.
SELECT name, checksum FROM schema_migrations ORDER BY name;

-- record_migration --
-- In the same transaction as the migration itself.
INSERT INTO schema_migrations (name, checksum) VALUES (%(name)s, %(checksum)s);
