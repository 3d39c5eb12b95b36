-- What events say of workflows on its way into the tables, each statement under its name.

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
    created_at TIMESTAMPTZ, event_digest BIGINT
) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_transitions (
    transition_id UUID, workflow_id UUID, from_state VARCHAR(50), to_state VARCHAR(50), event VARCHAR(50),
    transition_timestamp TIMESTAMPTZ, reason TEXT, metadata JSONB, accepted BOOLEAN, conflict BOOLEAN, attempt INTEGER,
    transition_number INTEGER, from_state_seconds DOUBLE PRECISION, correlation_id TEXT
) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_correlations (workflow_id UUID, correlation_id TEXT) ON COMMIT DROP;

-- copy_incoming_workflows --
-- The columns stand in the order of the table.
COPY incoming_workflows FROM STDIN (FORMAT csv, NULL '');

-- copy_incoming_transitions --
-- The columns stand in the order of the table.
COPY incoming_transitions FROM STDIN (FORMAT csv, NULL '');

-- copy_incoming_correlations --
-- The columns stand in the order of the table.
COPY incoming_correlations FROM STDIN (FORMAT csv, NULL '');

-- lock_archived_incoming --
-- The archived workflows of which events say something else than when they were archived.
SELECT a.workflow_id, a.archive_id, a.archived_at
FROM workflows_archived AS a
JOIN incoming_workflows AS i ON i.workflow_id = a.workflow_id
WHERE a.event_digest IS DISTINCT FROM i.event_digest
ORDER BY a.workflow_id
FOR UPDATE OF a;

-- leave_archived_incoming --
-- What is still archived stays so.
DELETE FROM incoming_workflows AS i USING workflows_archived AS a WHERE a.workflow_id = i.workflow_id;

-- insert_event_workflows --
-- The workflows of which nobody has spoken yet.
WITH fresh AS (
    INSERT INTO workflow_state_current (
        workflow_id, current_state, previous_state, state_entry_time, transition_count, metadata, attempt, correlation_id,
        is_terminal, created_at, event_digest, source
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
        correlation_id = o.correlation_id, is_terminal = o.is_terminal, created_at = o.created_at,
        event_digest = o.event_digest
    FROM ours AS o
    WHERE c.workflow_id = o.workflow_id AND (
        c.current_state, c.previous_state, c.state_entry_time, c.transition_count, c.metadata, c.attempt,
        c.correlation_id, c.is_terminal, c.created_at, c.event_digest
    ) IS DISTINCT FROM (
        o.current_state, o.previous_state, o.state_entry_time, o.transition_count, o.metadata, o.attempt,
        o.correlation_id, o.is_terminal, o.created_at, o.event_digest
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

-- note_event_digests --
-- What events said of those workflows has been judged.
UPDATE workflow_state_current AS c SET event_digest = i.event_digest
FROM incoming_workflows AS i
WHERE c.workflow_id = i.workflow_id AND c.event_digest IS DISTINCT FROM i.event_digest;

-- add_event_correlations --
-- Those of archived workflows as well. It comes last: whoever holds a workflow may be about to add the same.
INSERT INTO workflow_correlations (correlation_id, workflow_id)
SELECT correlation_id, workflow_id FROM incoming_correlations
ORDER BY correlation_id, workflow_id
ON CONFLICT DO NOTHING;

-- drop_incoming_transitions --
-- A second batch in the same transaction makes its own.
DROP TABLE incoming_workflows, incoming_transitions, incoming_correlations;

-- days_of_workflows --
-- The days (UTC) on which events moved these workflows, as far as is known.
SELECT DISTINCT day
FROM (
    SELECT (transition_timestamp AT TIME ZONE 'UTC')::DATE AS day FROM workflow_state_history
    WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]) AND source = 'event'
    UNION ALL
    SELECT (created_at AT TIME ZONE 'UTC')::DATE FROM workflow_state_current
    WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]) AND source <> 'api'
    UNION ALL
    SELECT unnest(event_days) FROM workflows_archived WHERE workflow_id = ANY (%(workflow_ids)s::UUID[])
    UNION ALL
    SELECT (created_at AT TIME ZONE 'UTC')::DATE FROM workflows_archived
    WHERE workflow_id = ANY (%(workflow_ids)s::UUID[]) AND source <> 'api'
) AS days
ORDER BY day;
