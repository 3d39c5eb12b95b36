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

-- broken_histories --
-- Workflows whose accepted transitions have gaps, do not follow one another in state and time, or lead elsewhere than where
-- they stand; and histories without a workflow.
WITH followed AS (
    SELECT
        workflow_id, transition_number, to_state,
        from_state = lag(to_state, 1, from_state) OVER w
            AND transition_timestamp >= lag(transition_timestamp, 1, transition_timestamp) OVER w AS follows,
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

