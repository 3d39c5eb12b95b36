-- What people ask about all workflows together, each under its name.

-- latest_entry --
-- When a workflow last came into its state.
SELECT max(state_entry_time) FROM workflow_state_current;

-- state_distribution --
-- How many workflows stood in each state at these instants, 0 where none did. Each transition takes a workflow out of one state
-- and into another, and counts from the first instant on that is not before it.
WITH moves AS (
    SELECT to_state AS state, transition_timestamp AS at, 1 AS change
    FROM workflow_state_history
    WHERE accepted AND transition_timestamp <= %(end)s
    UNION ALL
    SELECT from_state, transition_timestamp, -1
    FROM workflow_state_history
    WHERE accepted AND transition_timestamp <= %(end)s
    UNION ALL
    SELECT coalesce(first.from_state, c.current_state), c.created_at, 1
    FROM workflow_state_current AS c
    LEFT JOIN workflow_state_history AS first
        ON first.workflow_id = c.workflow_id AND first.accepted AND first.transition_number = 1
    WHERE c.created_at <= %(end)s
),
changes AS (
    SELECT
        m.state, sum(m.change) AS change,
        greatest(%(start)s, CASE WHEN b.bin = m.at THEN m.at ELSE b.bin + %(every)s::INTERVAL END) AS instant
    FROM moves AS m
    CROSS JOIN LATERAL (SELECT date_bin(%(every)s::INTERVAL, m.at, %(start)s::TIMESTAMPTZ) AS bin) AS b
    GROUP BY m.state, instant
),
states AS (
    SELECT state, min(rank) AS rank
    FROM (
        SELECT state, rank FROM unnest(%(states)s::TEXT[]) WITH ORDINALITY AS asked (state, rank)
        UNION ALL
        SELECT state, NULL FROM changes
    ) AS known
    GROUP BY state
)
SELECT
    i.instant, s.state,
    coalesce(sum(c.change) OVER (PARTITION BY s.state ORDER BY i.instant), 0)::BIGINT AS workflows
FROM generate_series(%(start)s::TIMESTAMPTZ, %(end)s::TIMESTAMPTZ, %(every)s::INTERVAL) AS i (instant)
CROSS JOIN states AS s
LEFT JOIN changes AS c ON c.instant = i.instant AND c.state = s.state
ORDER BY i.instant, s.rank NULLS LAST, s.state;

-- time_in_state --
-- How long workflows stayed in each state before they left it, in seconds, over the stays whose length is known. Where events
-- tell of entering and leaving in one instant, or nobody told of the end, it is not.
WITH stays AS (
    SELECT from_state AS state, from_state_seconds AS seconds, NOT (conflict OR (source = 'event' AND from_state_seconds = 0)) AS timed
    FROM workflow_state_history
    WHERE accepted AND from_state_seconds IS NOT NULL
)
SELECT
    state, count(*) AS stays, count(*) FILTER (WHERE timed) AS timed_stays,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE timed) AS p50_seconds,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE timed) AS p95_seconds,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) FILTER (WHERE timed) AS p99_seconds,
    max(seconds) FILTER (WHERE timed) AS max_seconds,
    count(*) FILTER (WHERE timed) < %(enough_for_p95)s AS p95_is_weak,
    count(*) FILTER (WHERE timed) < %(enough_for_p99)s AS p99_is_weak
FROM stays
GROUP BY state
ORDER BY state;

-- stuck_workflows --
-- Active workflows that are longer in their state than it allows: the given limit if there is one, else the p99 of the stays in
-- it that `time_in_state` counts, if they are enough, but never less than `least_seconds`; else `otherwise_seconds`.
WITH usual AS (
    SELECT from_state AS state, percentile_cont(0.99) WITHIN GROUP (ORDER BY from_state_seconds) AS p99_seconds
    FROM workflow_state_history
    WHERE accepted AND NOT (conflict OR (source = 'event' AND from_state_seconds = 0))
    AND from_state_seconds IS NOT NULL AND %(limit_seconds)s::FLOAT8 IS NULL
    GROUP BY from_state
    HAVING count(*) >= %(enough_for_p99)s
),
standing AS (
    SELECT
        c.workflow_id, c.current_state, c.attempt, c.state_entry_time, c.correlation_id,
        extract(epoch FROM coalesce(%(now)s::TIMESTAMPTZ, clock_timestamp()) - c.state_entry_time)::FLOAT8
            AS seconds_in_state,
        coalesce(
            %(limit_seconds)s::FLOAT8, greatest(u.p99_seconds, CASE WHEN u.state IS NOT NULL THEN %(least_seconds)s END),
            %(otherwise_seconds)s
        ) AS limit_seconds,
        CASE
            WHEN %(limit_seconds)s::FLOAT8 IS NOT NULL THEN 'given'
            WHEN u.state IS NULL THEN 'otherwise'
            WHEN u.p99_seconds < %(least_seconds)s THEN 'least'
            ELSE 'p99'
        END AS limit_by
    FROM workflow_state_current AS c
    LEFT JOIN usual AS u ON u.state = c.current_state
    WHERE NOT c.is_terminal AND (%(state)s::TEXT IS NULL OR c.current_state = %(state)s::TEXT)
)
SELECT
    workflow_id, current_state, attempt, state_entry_time, seconds_in_state, limit_seconds, limit_by, correlation_id
FROM standing
WHERE seconds_in_state > limit_seconds
ORDER BY seconds_in_state - limit_seconds DESC, workflow_id
LIMIT %(limit)s;

-- illegal_paths --
-- What was refused, and how often: by whom it was asked for, for how many workflows, and for which one last.
SELECT
    from_state, to_state, event, source, conflict, guard_conditions_met AS guard_met,
    count(*) AS refused, count(DISTINCT workflow_id) AS workflows,
    min(transition_timestamp) AS first_at, max(transition_timestamp) AS last_at,
    (array_agg(workflow_id ORDER BY transition_timestamp DESC, workflow_id))[1] AS last_workflow_id
FROM workflow_state_history
WHERE NOT accepted
GROUP BY from_state, to_state, event, source, conflict, guard_conditions_met
ORDER BY refused DESC, from_state, to_state, event, source;

-- retry_outcomes --
-- What became of each attempt: how many workflows reached it, in which terminal states they ended it, and in how many it is
-- open, also where nothing has happened in it yet.
WITH reached AS (
    SELECT workflow_id, attempt FROM workflow_state_history WHERE accepted
    UNION
    SELECT workflow_id, attempt FROM workflow_state_current
),
ends AS (
    SELECT DISTINCT ON (workflow_id, attempt) workflow_id, attempt, to_state = %(success_state)s AS succeeded
    FROM workflow_state_history
    WHERE accepted AND to_state = ANY (%(terminal_states)s::TEXT[])
    ORDER BY workflow_id, attempt, transition_number DESC
)
SELECT
    attempt,
    count(*) AS workflows,
    count(e.succeeded) AS ended,
    count(*) FILTER (WHERE e.succeeded) AS succeeded,
    count(*) FILTER (WHERE NOT e.succeeded) AS failed,
    count(*) FILTER (WHERE e.succeeded IS NULL) AS open,
    count(*) FILTER (WHERE e.succeeded)::FLOAT8 / nullif(count(e.succeeded), 0) AS success_rate
FROM reached
LEFT JOIN ends AS e USING (workflow_id, attempt)
GROUP BY attempt
ORDER BY attempt;

-- count_retried --
-- The workflows that had more than one attempt, and where their last one led.
SELECT
    count(*) AS workflows,
    count(*) FILTER (WHERE current_state = %(success_state)s) AS succeeded,
    count(*) FILTER (WHERE is_terminal AND current_state <> %(success_state)s) AS failed,
    count(*) FILTER (WHERE NOT is_terminal) AS open
FROM workflow_state_current
WHERE attempt > 1;
