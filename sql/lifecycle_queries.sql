-- The statements about the lifecycle of workflows, each under its name.

-- begin_workflows --
-- See begin_workflows in schema.sql.
SELECT * FROM begin_workflows(
    %(workflow_ids)s::UUID[], %(states)s::TEXT[], %(ats)s::TIMESTAMPTZ[], %(metadata)s::JSONB[], %(correlation_ids)s::TEXT[]
);

-- make_transition --
-- Compare, set and write down in one round trip: see make_workflow_transition in schema.sql.
SELECT * FROM make_workflow_transition(
    %s, %s, %s, %s, %s, %s::TEXT[], %s::TEXT[], %s::BOOLEAN[], %s::BOOLEAN[], %s::TIMESTAMPTZ, %s::JSONB, %s::TEXT,
    %s::TEXT, %s::TEXT
);

-- make_transitions --
-- The same for many workflows: see make_workflow_transitions in schema.sql.
SELECT * FROM make_workflow_transitions(
    %s, %s::UUID[], %s::UUID[], %s::INTEGER[], %s::TIMESTAMPTZ[], %s::JSONB[], %s::TEXT[], %s::TEXT[], %s::TEXT[],
    %s::INTEGER[], %s::TEXT[], %s::BOOLEAN[], %s::TEXT[], %s::TEXT[], %s::BOOLEAN[], %s::TEXT[], %s::TEXT[],
    %s::BOOLEAN[], %s::BOOLEAN[]
);

-- get_workflow --
-- Where one workflow stands.
SELECT
    workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, correlation_id,
    is_terminal, created_at, source
FROM workflow_state_current
WHERE workflow_id = %(workflow_id)s;

-- get_workflow_history --
-- Oldest first; rejected attempts stand between the transitions at their time.
SELECT
    transition_id, workflow_id, from_state, to_state, event, transition_timestamp, guard_conditions_met, reason, metadata,
    accepted, conflict, attempt, transition_number, from_state_seconds, idempotency_key, correlation_id, source, recorded_at
FROM workflow_state_history
WHERE workflow_id = %(workflow_id)s
ORDER BY transition_timestamp, transition_number NULLS LAST, recorded_at, transition_id;

-- list_workflows --
-- By what is asked for; a state of NULL is not asked for. Longest in its state first.
SELECT
    workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, correlation_id,
    is_terminal, created_at, source
FROM workflow_state_current
WHERE (%(state)s::TEXT IS NULL OR current_state = %(state)s::TEXT) AND (NOT %(is_active)s::BOOLEAN OR NOT is_terminal)
ORDER BY state_entry_time, workflow_id
LIMIT %(limit)s;

-- list_correlated_workflows --
-- The same of those that ever had a correlation id, with the archived ones: these have their metadata in the lake.
SELECT
    workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, w.correlation_id,
    is_terminal, created_at, source, archived_at
FROM workflow_correlations AS meant
JOIN (
    SELECT
        workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, correlation_id,
        is_terminal, created_at, source, NULL::TIMESTAMPTZ AS archived_at
    FROM workflow_state_current
    UNION ALL
    SELECT
        workflow_id, current_state, previous_state, state_entry_time, transition_count, '{}', attempt, correlation_id,
        TRUE, created_at, source, archived_at
    FROM workflows_archived
) AS w USING (workflow_id)
WHERE meant.correlation_id = left(%(correlation_id)s::TEXT, 255)
AND (%(state)s::TEXT IS NULL OR current_state = %(state)s::TEXT) AND (NOT %(is_active)s::BOOLEAN OR NOT is_terminal)
ORDER BY state_entry_time, workflow_id
LIMIT %(limit)s;

-- count_states --
-- How many workflows stand in each state.
SELECT current_state, is_terminal, count(*) AS workflows, coalesce(sum(transition_count), 0)::BIGINT AS transitions
FROM workflow_state_current
GROUP BY current_state, is_terminal
ORDER BY current_state, is_terminal;

-- count_transitions --
-- How often each transition was made or refused, with those that were archived.
SELECT from_state, to_state, accepted, sum(transitions)::BIGINT AS transitions
FROM (
    SELECT from_state, to_state, accepted, count(*) AS transitions
    FROM workflow_state_history
    GROUP BY from_state, to_state, accepted
    UNION ALL
    SELECT from_state, to_state, accepted, transitions FROM workflow_transitions_archived
) AS counted
GROUP BY from_state, to_state, accepted
ORDER BY from_state, to_state, accepted;

-- state_distribution --
-- How many workflows stood in each state at these instants: the state that the latest transition before it led to, else the
-- one in which the workflow began.
WITH instants AS (
    SELECT instant
    FROM generate_series(%(start)s::TIMESTAMPTZ, %(end)s::TIMESTAMPTZ, %(every)s::INTERVAL) AS g (instant)
),
stays AS (
    SELECT to_state AS state, transition_timestamp AS since, lead(transition_timestamp) OVER w AS until
    FROM workflow_state_history
    WHERE accepted
    WINDOW w AS (PARTITION BY workflow_id ORDER BY transition_number)
    UNION ALL
    SELECT coalesce(first.from_state, c.current_state), c.created_at, first.transition_timestamp
    FROM workflow_state_current AS c
    LEFT JOIN workflow_state_history AS first
        ON first.workflow_id = c.workflow_id AND first.accepted AND first.transition_number = 1
)
SELECT i.instant, s.state, count(*) AS workflows
FROM instants AS i
JOIN stays AS s ON s.since <= i.instant AND (s.until IS NULL OR s.until > i.instant)
GROUP BY i.instant, s.state
ORDER BY i.instant, s.state;

-- time_in_state --
-- How long workflows stayed in each state before they left it, in seconds.
SELECT
    from_state AS state,
    count(*) AS stays,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY from_state_seconds) AS p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY from_state_seconds) AS p95_seconds,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY from_state_seconds) AS p99_seconds,
    max(from_state_seconds) AS max_seconds
FROM workflow_state_history
WHERE accepted AND from_state_seconds IS NOT NULL
GROUP BY from_state
ORDER BY from_state;

-- stuck_workflows --
-- Active workflows that are longer in their state than its own p99, or than the limit in seconds if one is given. A state that
-- was left fewer times than needed for a p99 has none, and nobody is stuck in it by itself.
WITH usual AS (
    SELECT from_state AS state, percentile_cont(0.99) WITHIN GROUP (ORDER BY from_state_seconds) AS p99_seconds
    FROM workflow_state_history
    WHERE accepted AND from_state_seconds IS NOT NULL AND %(limit_seconds)s::FLOAT8 IS NULL
    GROUP BY from_state
    HAVING count(*) >= %(least_stays)s
),
standing AS (
    SELECT
        c.workflow_id, c.current_state, c.attempt, c.state_entry_time, c.correlation_id,
        extract(epoch FROM %(now)s::TIMESTAMPTZ - c.state_entry_time)::FLOAT8 AS seconds_in_state,
        coalesce(%(limit_seconds)s::FLOAT8, u.p99_seconds) AS limit_seconds
    FROM workflow_state_current AS c
    LEFT JOIN usual AS u ON u.state = c.current_state
    WHERE NOT c.is_terminal AND (%(state)s::TEXT IS NULL OR c.current_state = %(state)s::TEXT)
)
SELECT workflow_id, current_state, attempt, state_entry_time, seconds_in_state, limit_seconds, correlation_id
FROM standing
WHERE seconds_in_state > limit_seconds
ORDER BY seconds_in_state - limit_seconds DESC, workflow_id
LIMIT %(limit)s;

-- illegal_paths --
-- What was refused, and how often: by whom it was asked for, and for how many workflows.
SELECT
    from_state, to_state, event, source, conflict, guard_conditions_met AS guard_met,
    count(*) AS refused, count(DISTINCT workflow_id) AS workflows,
    min(transition_timestamp) AS first_at, max(transition_timestamp) AS last_at
FROM workflow_state_history
WHERE NOT accepted
GROUP BY from_state, to_state, event, source, conflict, guard_conditions_met
ORDER BY refused DESC, from_state, to_state, event, source;

-- broken_histories --
-- Workflows whose accepted transitions have gaps, do not follow one another, or lead elsewhere than where they stand; and
-- histories without a workflow.
WITH followed AS (
    SELECT
        workflow_id, transition_number, to_state,
        from_state = lag(to_state, 1, from_state) OVER w AS follows,
        transition_number = row_number() OVER w AS is_next,
        lead(transition_number) OVER w IS NULL AS is_last
    FROM workflow_state_history
    WHERE accepted
    WINDOW w AS (PARTITION BY workflow_id ORDER BY transition_number)
),
broken AS (
    SELECT coalesce(f.workflow_id, c.workflow_id) AS workflow_id
    FROM workflow_state_current AS c
    FULL JOIN (
        SELECT
            workflow_id, bool_and(follows AND is_next) AS is_whole, max(transition_number) AS transitions,
            max(to_state) FILTER (WHERE is_last) AS state
        FROM followed
        GROUP BY workflow_id
    ) AS f ON f.workflow_id = c.workflow_id
    WHERE c.workflow_id IS NULL
    OR c.transition_count <> coalesce(f.transitions, 0)
    OR (f.workflow_id IS NOT NULL AND (NOT f.is_whole OR f.state <> c.current_state))
)
SELECT workflow_id FROM broken ORDER BY workflow_id;

-- retry_outcomes --
-- What became of each attempt: how many workflows reached it, and in which terminal state they ended it.
SELECT
    h.attempt,
    count(*) FILTER (WHERE e.ended) AS ended,
    count(*) FILTER (WHERE e.to_state = %(success_state)s) AS succeeded,
    count(*) FILTER (WHERE e.ended AND e.to_state <> %(success_state)s) AS failed,
    count(*) FILTER (WHERE e.ended IS NULL) AS open
FROM (SELECT DISTINCT workflow_id, attempt FROM workflow_state_history WHERE accepted) AS h
LEFT JOIN LATERAL (
    SELECT TRUE AS ended, x.to_state
    FROM workflow_state_history AS x
    WHERE x.workflow_id = h.workflow_id AND x.attempt = h.attempt AND x.accepted
    AND x.to_state = ANY (%(terminal_states)s::TEXT[])
    LIMIT 1
) AS e ON TRUE
GROUP BY h.attempt
ORDER BY h.attempt;
