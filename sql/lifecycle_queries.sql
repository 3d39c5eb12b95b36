-- The statements about the lifecycle of workflows, each under its name.

-- begin_workflows --
-- Those that are there already stay as they are. The clock is the server's where no time is given.
INSERT INTO workflow_state_current (
    workflow_id, current_state, state_entry_time, transition_count, metadata, correlation_id, is_terminal, created_at
)
SELECT workflow_id, state, begun, 0, metadata, correlation_id, FALSE, begun
FROM (
    SELECT g.*, coalesce(g.at, clock_timestamp()) AS begun
    FROM unnest(
        %(workflow_ids)s::UUID[], %(states)s::TEXT[], %(ats)s::TIMESTAMPTZ[], %(metadata)s::JSONB[],
        %(correlation_ids)s::TEXT[]
    ) AS g (workflow_id, state, at, metadata, correlation_id)
    ORDER BY workflow_id
) AS given
ON CONFLICT (workflow_id) DO NOTHING
RETURNING workflow_id;

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
-- By what is asked for; what is NULL is not asked for. Longest in its state first.
SELECT
    workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, correlation_id,
    is_terminal, created_at, source
FROM workflow_state_current
WHERE (%(state)s::TEXT IS NULL OR current_state = %(state)s::TEXT)
AND (%(correlation_id)s::TEXT IS NULL OR correlation_id = %(correlation_id)s::TEXT OR workflow_id IN (
    SELECT workflow_id FROM workflow_state_history WHERE correlation_id = %(correlation_id)s::TEXT
))
AND (NOT %(is_active)s::BOOLEAN OR NOT is_terminal)
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

-- lock_old_terminal_workflows --
-- Workflows that have been at their end since before an instant, so many at most. Those in use are left for the next time.
SELECT
    workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata::TEXT AS metadata, attempt,
    correlation_id, created_at, source
FROM workflow_state_current
WHERE is_terminal AND state_entry_time < %(before)s
ORDER BY workflow_id
LIMIT %(limit)s
FOR UPDATE SKIP LOCKED;

-- read_histories --
-- Every transition of these workflows.
SELECT
    transition_id, workflow_id, from_state, to_state, event, transition_timestamp, guard_conditions_met, reason,
    metadata::TEXT AS metadata, accepted, conflict, attempt, transition_number, from_state_seconds, idempotency_key,
    correlation_id, source, recorded_at
FROM workflow_state_history
WHERE workflow_id = ANY (%(workflow_ids)s::UUID[])
ORDER BY workflow_id, transition_timestamp, transition_number NULLS LAST, transition_id;

-- delete_workflows --
-- What was archived; its transitions stay counted.
WITH deleted AS (
    DELETE FROM workflow_state_history WHERE workflow_id = ANY (%(workflow_ids)s::UUID[])
    RETURNING from_state, to_state, accepted
),
counted AS (
    INSERT INTO workflow_transitions_archived AS a (from_state, to_state, accepted, transitions)
    SELECT from_state, to_state, accepted, count(*) FROM deleted
    GROUP BY from_state, to_state, accepted
    ORDER BY from_state, to_state, accepted
    ON CONFLICT (from_state, to_state, accepted) DO UPDATE SET transitions = a.transitions + excluded.transitions
)
DELETE FROM workflow_state_current WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]);

-- take_lifecycle_turn --
-- What events say is brought in by one at a time, until the connection lets go.
SELECT pg_advisory_lock(4702111234474983747);

-- release_lifecycle_turn --
-- The next one may go.
SELECT pg_advisory_unlock(4702111234474983747);

-- create_incoming_transitions --
-- Where COPY puts what the events say: of the same types as the tables.
CREATE TEMPORARY TABLE incoming_workflows (
    workflow_id UUID, current_state VARCHAR(50), previous_state VARCHAR(50), state_entry_time TIMESTAMPTZ,
    transition_count INTEGER, metadata JSONB, attempt INTEGER, correlation_id TEXT, is_terminal BOOLEAN,
    created_at TIMESTAMPTZ
) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_transitions (
    transition_id UUID, workflow_id UUID, from_state VARCHAR(50), to_state VARCHAR(50), event VARCHAR(50),
    transition_timestamp TIMESTAMPTZ, reason TEXT, metadata JSONB, accepted BOOLEAN, conflict BOOLEAN, attempt INTEGER,
    transition_number INTEGER, from_state_seconds DOUBLE PRECISION, correlation_id TEXT
) ON COMMIT DROP;

-- copy_incoming_workflows --
-- The columns stand in the order of the table.
COPY incoming_workflows FROM STDIN (FORMAT csv, NULL '');

-- copy_incoming_transitions --
-- The columns stand in the order of the table.
COPY incoming_transitions FROM STDIN (FORMAT csv, NULL '');

-- insert_event_workflows --
-- The workflows of which nobody has spoken yet.
WITH fresh AS (
    INSERT INTO workflow_state_current (
        workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, correlation_id,
        is_terminal, created_at, source
    )
    SELECT *, 'event' FROM incoming_workflows ORDER BY workflow_id
    ON CONFLICT (workflow_id) DO NOTHING
    RETURNING workflow_id
),
written AS (
    INSERT INTO workflow_state_history (
        transition_id, workflow_id, from_state, to_state, event, transition_timestamp, reason, metadata, accepted, conflict,
        attempt, transition_number, from_state_seconds, correlation_id, source
    )
    SELECT i.*, 'event' FROM incoming_transitions AS i JOIN fresh USING (workflow_id)
    RETURNING 1
),
done AS (DELETE FROM incoming_workflows WHERE workflow_id IN (SELECT workflow_id FROM fresh))
SELECT (SELECT count(*) FROM fresh) AS workflows, (SELECT count(*) FROM written) AS transitions;

-- lock_incoming_workflows --
-- Of those that were there already: the ones that only events have moved.
WITH locked AS (
    SELECT c.workflow_id, c.source
    FROM workflow_state_current AS c
    WHERE c.workflow_id IN (SELECT workflow_id FROM incoming_workflows)
    ORDER BY c.workflow_id
    FOR UPDATE
)
SELECT workflow_id FROM locked WHERE source = 'event';

-- update_event_workflows --
-- Where only events have moved a workflow, all that they say now takes the place of what they said before. What the API was
-- refused there stays, and so do its keys.
WITH ours AS (SELECT * FROM incoming_workflows WHERE workflow_id = ANY (%(workflow_ids)s::UUID[])),
news AS (SELECT i.* FROM incoming_transitions AS i JOIN ours USING (workflow_id)),
gone AS (
    DELETE FROM workflow_state_history AS h
    USING ours
    WHERE h.workflow_id = ours.workflow_id AND h.source = 'event'
    AND NOT EXISTS (SELECT FROM news WHERE news.transition_id = h.transition_id)
    RETURNING 1
),
written AS (
    INSERT INTO workflow_state_history AS h (
        transition_id, workflow_id, from_state, to_state, event, transition_timestamp, reason, metadata, accepted, conflict,
        attempt, transition_number, from_state_seconds, correlation_id, source
    )
    SELECT news.*, 'event' FROM news
    ON CONFLICT (transition_id) DO UPDATE SET
        from_state = excluded.from_state, to_state = excluded.to_state, event = excluded.event,
        transition_timestamp = excluded.transition_timestamp, reason = excluded.reason, metadata = excluded.metadata,
        accepted = excluded.accepted, conflict = excluded.conflict, attempt = excluded.attempt,
        transition_number = excluded.transition_number, from_state_seconds = excluded.from_state_seconds,
        correlation_id = excluded.correlation_id, recorded_at = clock_timestamp()
    WHERE (
        h.from_state, h.to_state, h.event, h.transition_timestamp, h.reason, h.metadata, h.accepted, h.conflict, h.attempt,
        h.transition_number, h.from_state_seconds, h.correlation_id
    ) IS DISTINCT FROM (
        excluded.from_state, excluded.to_state, excluded.event, excluded.transition_timestamp, excluded.reason,
        excluded.metadata, excluded.accepted, excluded.conflict, excluded.attempt, excluded.transition_number,
        excluded.from_state_seconds, excluded.correlation_id
    )
    RETURNING 1
),
moved AS (
    UPDATE workflow_state_current AS c SET
        current_state = o.current_state, previous_state = o.previous_state, state_entry_time = o.state_entry_time,
        transition_count = o.transition_count, metadata = o.metadata, attempt = o.attempt,
        correlation_id = o.correlation_id, is_terminal = o.is_terminal, created_at = o.created_at
    FROM ours AS o
    WHERE c.workflow_id = o.workflow_id AND (
        c.current_state, c.previous_state, c.state_entry_time, c.transition_count, c.metadata, c.attempt,
        c.correlation_id, c.is_terminal, c.created_at
    ) IS DISTINCT FROM (
        o.current_state, o.previous_state, o.state_entry_time, o.transition_count, o.metadata, o.attempt,
        o.correlation_id, o.is_terminal, o.created_at
    )
    RETURNING 1
)
SELECT (SELECT count(*) FROM moved) AS workflows, (SELECT count(*) FROM written) AS transitions;

-- read_shared_workflows --
-- The transitions that events tell of workflows that others have moved as well, in the events' order.
SELECT
    i.transition_id, i.workflow_id, i.to_state, i.event, i.transition_timestamp, i.metadata, i.attempt,
    i.correlation_id, i.reason, i.accepted, i.conflict
FROM incoming_transitions AS i
JOIN incoming_workflows AS w USING (workflow_id)
WHERE NOT (i.workflow_id = ANY (%(workflow_ids)s::UUID[]))
ORDER BY i.transition_timestamp, i.transition_number NULLS LAST, i.transition_id;

-- drop_incoming_transitions --
-- A second batch in the same transaction makes its own.
DROP TABLE incoming_workflows, incoming_transitions;

-- days_of_workflows --
-- The days (UTC) on which events moved these workflows, as far as is known.
SELECT DISTINCT day
FROM (
    SELECT (transition_timestamp AT TIME ZONE 'UTC')::DATE AS day FROM workflow_state_history
    WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]) AND source = 'event'
    UNION ALL
    SELECT (created_at AT TIME ZONE 'UTC')::DATE FROM workflow_state_current
    WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]) AND source <> 'api'
) AS days
ORDER BY day;
