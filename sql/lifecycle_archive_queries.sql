-- Ended workflows on their way into the lake and back, each statement under its name.

-- take_archive_turn --
-- Until the transaction ends nobody brings in what events say. Names the archiving.
SELECT gen_random_uuid() AS archive_id, clock_timestamp() AS archived_at FROM pg_advisory_xact_lock(4702111234474983747);

-- lock_old_terminal_workflows --
-- Workflows that have been at their end since before an instant, so many at most. Those in use are left for the next time.
SELECT
    workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata::TEXT AS metadata, attempt,
    correlation_id, is_terminal, created_at, source, event_digest
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

-- delete_archived_workflows --
-- What lies in the lake: its transitions stay counted, and it stays known.
WITH deleted AS (
    DELETE FROM workflow_state_history WHERE workflow_id = ANY (%(workflow_ids)s::UUID[])
    RETURNING workflow_id, from_state, to_state, accepted, source, transition_timestamp
),
counted AS (
    INSERT INTO workflow_transitions_archived AS a (from_state, to_state, accepted, transitions)
    SELECT from_state, to_state, accepted, count(*) FROM deleted
    GROUP BY from_state, to_state, accepted
    ORDER BY from_state, to_state, accepted
    ON CONFLICT (from_state, to_state, accepted) DO UPDATE SET transitions = a.transitions + excluded.transitions
),
told AS (
    SELECT workflow_id, array_agg(DISTINCT (transition_timestamp AT TIME ZONE 'UTC')::DATE) AS days
    FROM deleted
    WHERE source = 'event'
    GROUP BY workflow_id
),
gone AS (DELETE FROM workflow_state_current WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]) RETURNING *)
INSERT INTO workflows_archived (
    workflow_id, archive_id, archived_at, current_state, previous_state, state_entry_time, transition_count, attempt,
    correlation_id, created_at, source, event_digest, event_days
)
SELECT
    g.workflow_id, %(archive_id)s, %(archived_at)s, g.current_state, g.previous_state, g.state_entry_time, g.transition_count,
    g.attempt, g.correlation_id, g.created_at, g.source, g.event_digest, coalesce(told.days, '{}')
FROM gone AS g
LEFT JOIN told ON told.workflow_id = g.workflow_id;

-- find_archived_workflows --
-- Those of these workflows that are archived, and where.
SELECT workflow_id, archive_id, archived_at FROM workflows_archived WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]);

-- lock_archived_workflows --
-- Those of these workflows that are archived, and where; nobody else brings them back meanwhile.
SELECT workflow_id, archive_id, archived_at
FROM workflows_archived
WHERE workflow_id = ANY (%(workflow_ids)s::UUID[])
ORDER BY workflow_id
FOR UPDATE;

-- copy_archived_workflows --
-- Back from the lake.
COPY workflow_state_current (
    workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, correlation_id,
    is_terminal, created_at, source, event_digest
) FROM STDIN (FORMAT csv, NULL '');

-- copy_archived_transitions --
-- Back from the lake.
COPY workflow_state_history (
    transition_id, workflow_id, from_state, to_state, event, transition_timestamp, guard_conditions_met, reason, metadata,
    accepted, conflict, attempt, transition_number, from_state_seconds, idempotency_key, correlation_id, source, recorded_at
) FROM STDIN (FORMAT csv, NULL '');

-- forget_archived_workflows --
-- What is back is archived no longer, and counted where it is now.
WITH back AS (DELETE FROM workflows_archived WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]))
INSERT INTO workflow_transitions_archived AS a (from_state, to_state, accepted, transitions)
SELECT from_state, to_state, accepted, -count(*)
FROM workflow_state_history
WHERE workflow_id = ANY (%(workflow_ids)s::UUID[])
GROUP BY from_state, to_state, accepted
ORDER BY from_state, to_state, accepted
ON CONFLICT (from_state, to_state, accepted) DO UPDATE SET transitions = a.transitions + excluded.transitions;
