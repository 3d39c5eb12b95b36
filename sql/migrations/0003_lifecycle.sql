-- The lifecycle of workflows: attempts, rejected transitions, sources and correlation ids.

ALTER TABLE workflow_state_history
    ADD COLUMN accepted BOOLEAN NOT NULL DEFAULT TRUE,
    ADD COLUMN conflict BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN transition_number INTEGER,
    ADD COLUMN from_state_seconds DOUBLE PRECISION,
    ADD COLUMN idempotency_key TEXT,
    ADD COLUMN correlation_id TEXT,
    ADD COLUMN source VARCHAR(10) NOT NULL DEFAULT 'api',
    ADD COLUMN recorded_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp();

ALTER TABLE workflow_state_current
    ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN correlation_id TEXT,
    ADD COLUMN is_terminal BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN source VARCHAR(10) NOT NULL DEFAULT 'api',
    ADD COLUMN event_digest BIGINT,
    SET (fillfactor = 80);

-- Every correlation id that a workflow ever had, also those of archived ones. Longer ones are cut to 255 characters.
CREATE TABLE workflow_correlations (
    correlation_id TEXT NOT NULL,
    workflow_id UUID NOT NULL,
    PRIMARY KEY (correlation_id, workflow_id)
);

-- Ended workflows whose histories lie in the lake: as each stood, but for its metadata.
CREATE TABLE workflows_archived (
    workflow_id UUID PRIMARY KEY,
    archive_id UUID NOT NULL, -- of its rows in the lake: a workflow may have been archived before
    archived_at TIMESTAMP WITH TIME ZONE NOT NULL,
    current_state VARCHAR(50) NOT NULL,
    previous_state VARCHAR(50),
    state_entry_time TIMESTAMP WITH TIME ZONE NOT NULL,
    transition_count INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    correlation_id TEXT,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    source VARCHAR(10) NOT NULL,
    event_digest BIGINT, -- of what events said of it until then; NULL: nothing
    event_days DATE[] NOT NULL -- on which they moved it (UTC)
);

-- The transitions of archived workflows, counted: a counter made from the history does not fall when the history is cleaned up.
-- What comes back from the archive is taken off again.
CREATE TABLE workflow_transitions_archived (
    from_state VARCHAR(50) NOT NULL,
    to_state VARCHAR(50) NOT NULL,
    accepted BOOLEAN NOT NULL,
    transitions BIGINT NOT NULL,
    PRIMARY KEY (from_state, to_state, accepted)
);

-- Workflows that begin; those that are there already, or archived, stay as they are. The clock is the server's where no time
-- is given. Returns those that are new.
CREATE FUNCTION begin_workflows(
    p_workflow_ids UUID[], p_states TEXT[], p_ats TIMESTAMPTZ[], p_metadata JSONB[], p_correlation_ids TEXT[]
) RETURNS SETOF UUID LANGUAGE plpgsql AS $$
DECLARE
    begun UUID[];
BEGIN
    WITH made AS (
        INSERT INTO workflow_state_current (
            workflow_id, current_state, state_entry_time, transition_count, metadata, correlation_id, is_terminal, created_at
        )
        SELECT workflow_id, state, begins, 0, metadata, correlation_id, FALSE, begins
        FROM (
            SELECT g.*, coalesce(g.at, clock_timestamp()) AS begins
            FROM unnest(p_workflow_ids, p_states, p_ats, p_metadata, p_correlation_ids)
                AS g (workflow_id, state, at, metadata, correlation_id)
            ORDER BY workflow_id
        ) AS given
        ON CONFLICT (workflow_id) DO NOTHING
        RETURNING workflow_id
    )
    SELECT array_agg(workflow_id) INTO begun FROM made;
    -- Looked up afterwards: the insert may have waited for the clean-up that archived one of them.
    WITH known AS (
        DELETE FROM workflow_state_current AS c USING workflows_archived AS a
        WHERE c.workflow_id = ANY (begun) AND a.workflow_id = c.workflow_id
        RETURNING c.workflow_id
    )
    SELECT array_agg(b.workflow_id) INTO begun
    FROM unnest(begun) AS b (workflow_id)
    WHERE b.workflow_id NOT IN (SELECT workflow_id FROM known);
    INSERT INTO workflow_correlations (correlation_id, workflow_id)
    SELECT correlation_id, workflow_id
    FROM workflow_state_current
    WHERE workflow_id = ANY (begun) AND correlation_id IS NOT NULL
    ORDER BY correlation_id, workflow_id
    ON CONFLICT DO NOTHING;
    RETURN QUERY SELECT unnest(begun);
END
$$;

-- One transition, in one round trip: look under the lock, judge, move, write down. The verdicts stand in arrays, one entry
-- for each state in which the workflow may be found; a reason of NULL accepts.
CREATE FUNCTION make_workflow_transition(
    p_workflow_id UUID, p_transition_id UUID, p_to_state TEXT, p_event TEXT, p_is_terminal BOOLEAN,
    p_states TEXT[], p_reasons TEXT[], p_guards_met BOOLEAN[], p_opening BOOLEAN[],
    p_at TIMESTAMPTZ, p_metadata JSONB, p_key TEXT, p_correlation_id TEXT, p_why TEXT,
    OUT o_accepted BOOLEAN, OUT o_reason TEXT, OUT o_from_state TEXT, OUT o_attempt INTEGER, OUT o_repeated BOOLEAN,
    OUT o_same BOOLEAN
) LANGUAGE plpgsql AS $$
DECLARE
    here workflow_state_current;
    earlier workflow_state_history;
    place INTEGER;
BEGIN
    o_accepted := FALSE; o_repeated := FALSE; o_same := TRUE;
    SELECT * INTO here FROM workflow_state_current WHERE workflow_id = p_workflow_id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF p_correlation_id IS NOT NULL AND p_correlation_id IS DISTINCT FROM here.correlation_id THEN
        INSERT INTO workflow_correlations VALUES (left(p_correlation_id, 255), p_workflow_id) ON CONFLICT DO NOTHING;
    END IF;
    IF p_key IS NOT NULL THEN
        SELECT * INTO earlier FROM workflow_state_history WHERE transition_id = p_transition_id;
        IF FOUND THEN
            o_accepted := earlier.accepted; o_from_state := earlier.from_state; o_attempt := earlier.attempt;
            o_reason := CASE WHEN NOT earlier.accepted THEN earlier.reason END;
            o_repeated := TRUE; o_same := (earlier.to_state, earlier.event) = (p_to_state, p_event);
            RETURN;
        END IF;
    END IF;
    place := array_position(p_states, here.current_state::TEXT);
    o_from_state := here.current_state;
    IF place IS NULL THEN
        o_reason := 'Invalid transition: the workflow is in ' || here.current_state
            || ', which is no state of this configuration';
    ELSE
        o_reason := p_reasons[place];
    END IF;
    o_accepted := o_reason IS NULL;
    o_attempt := here.attempt + CASE WHEN o_accepted AND p_opening[place] THEN 1 ELSE 0 END;
    p_at := greatest(coalesce(p_at, clock_timestamp()), here.state_entry_time);
    p_correlation_id := coalesce(p_correlation_id, here.correlation_id);
    IF o_accepted THEN
        UPDATE workflow_state_current SET
            current_state = p_to_state, previous_state = here.current_state, state_entry_time = p_at,
            transition_count = here.transition_count + 1, metadata = here.metadata || p_metadata,
            attempt = o_attempt, correlation_id = p_correlation_id, is_terminal = p_is_terminal,
            source = CASE here.source WHEN 'api' THEN 'api' ELSE 'mixed' END
        WHERE workflow_id = p_workflow_id;
    END IF;
    INSERT INTO workflow_state_history (
        transition_id, workflow_id, from_state, to_state, event, transition_timestamp, guard_conditions_met, reason,
        metadata, accepted, attempt, transition_number, from_state_seconds, idempotency_key, correlation_id
    ) VALUES (
        p_transition_id, p_workflow_id, here.current_state, p_to_state, p_event, p_at,
        place IS NULL OR p_guards_met[place], coalesce(o_reason, p_why),
        p_metadata, o_accepted, o_attempt, CASE WHEN o_accepted THEN here.transition_count + 1 END,
        CASE WHEN o_accepted THEN extract(epoch FROM p_at - here.state_entry_time) END, p_key, p_correlation_id
    );
END
$$;

-- Many transitions of different workflows, by the same rules, in one statement. Workflows are locked in the order of their
-- ids, so that two callers never wait for each other. Of each ruling there are as many verdicts as states, in their order,
-- ruling after ruling; metadata of one element are of all. What events say (p_source) is a conflict where it is refused, and
-- nothing new where it was made already. p_refusals: why the events themselves refuse it, whatever the rules say; a second
-- end of an attempt is new unless that very event was accepted.
CREATE FUNCTION make_workflow_transitions(
    p_source TEXT, p_workflow_ids UUID[], p_transition_ids UUID[], p_rulings INTEGER[], p_ats TIMESTAMPTZ[],
    p_metadata JSONB[], p_keys TEXT[], p_correlation_ids TEXT[], p_whys TEXT[], p_attempts INTEGER[], p_refusals TEXT[],
    p_conflicts BOOLEAN[], p_to_states TEXT[], p_events TEXT[], p_are_terminal BOOLEAN[], p_states TEXT[], p_reasons TEXT[],
    p_guards_met BOOLEAN[], p_opening BOOLEAN[]
) RETURNS TABLE (
    o_place INTEGER, o_accepted BOOLEAN, o_reason TEXT, o_from_state TEXT, o_attempt INTEGER, o_repeated BOOLEAN,
    o_same BOOLEAN
) LANGUAGE plpgsql
-- A plan made while the tables were small is kept: it must look up rows by their key then, too. So each is asked for on its own.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    locked UUID[];
BEGIN
    locked := ARRAY(
        SELECT workflow_id FROM workflow_state_current WHERE workflow_id = ANY (p_workflow_ids) ORDER BY workflow_id FOR UPDATE
    );
    IF cardinality(locked) < cardinality(p_workflow_ids) THEN
        -- One that begins at this moment could be seen below, but others may move it.
        p_workflow_ids := ARRAY(
            SELECT CASE WHEN id = ANY (locked) THEN id END FROM unnest(p_workflow_ids) WITH ORDINALITY AS g (id, place) ORDER BY place
        );
    END IF;
    RETURN QUERY
    WITH command AS MATERIALIZED (
        SELECT c.*, c.place::INTEGER AS nth, p_to_states[c.ruling] AS to_state, p_events[c.ruling] AS event,
            p_are_terminal[c.ruling] AS is_terminal, coalesce(c.given, p_metadata[1]) AS metadata,
            CASE WHEN c.key IS NOT NULL OR p_source = 'event' THEN c.transition_id END AS known_by
        FROM unnest(
            p_workflow_ids, p_transition_ids, p_rulings, p_ats, p_metadata, p_keys, p_correlation_ids, p_whys, p_attempts,
            p_refusals, p_conflicts
        ) WITH ORDINALITY AS c (
            workflow_id, transition_id, ruling, at, given, key, correlation_id, why, attempt, refusal, conflict, place
        )
    ),
    judged AS MATERIALIZED (
        SELECT
            c.*, w.row_place, w.current_state, w.transition_count, w.state_entry_time, w.source AS spoken,
            w.correlation_id AS kept_correlation_id,
            coalesce(c.correlation_id, w.correlation_id) AS said_correlation_id,
            greatest(coalesce(c.at, clock_timestamp()), w.state_entry_time) AS said_at,
            v.guard_met, v.reason, w.attempt + CASE WHEN v.reason IS NULL AND v.opening THEN 1 ELSE 0 END AS at_attempt,
            h.transition_id IS NOT NULL AS repeated, h.accepted AS was_accepted, h.reason AS was_reason,
            h.from_state AS was_from, h.attempt AS was_attempt, h.to_state AS was_to, h.event AS was_event,
            p_source = 'event' AND EXISTS (
                SELECT FROM workflow_state_history AS made
                WHERE made.workflow_id = c.workflow_id AND made.accepted
                AND (made.attempt, made.event, made.to_state) = (c.attempt, c.event, c.to_state)
                AND (
                    c.refusal IS NULL OR c.metadata ->> 'event_id' IS NULL
                    OR made.metadata ->> 'event_id' = c.metadata ->> 'event_id'
                )
            ) AS made_already
        FROM command AS c
        CROSS JOIN LATERAL (
            SELECT current_state, transition_count, state_entry_time, source, correlation_id, attempt, ctid AS row_place
            FROM workflow_state_current AS here
            WHERE here.workflow_id = c.workflow_id
            OFFSET 0
        ) AS w
        LEFT JOIN LATERAL (
            SELECT * FROM workflow_state_history AS earlier WHERE earlier.transition_id = c.known_by
            OFFSET 0
        ) AS h ON TRUE
        CROSS JOIN LATERAL (
            SELECT (c.ruling - 1) * cardinality(p_states) + array_position(p_states, w.current_state::TEXT) AS place
            OFFSET 0
        ) AS f
        CROSS JOIN LATERAL (
            SELECT
                f.place IS NULL OR p_guards_met[f.place] AS guard_met,
                coalesce(p_opening[f.place], FALSE) AS opening,
                CASE
                    WHEN c.refusal IS NOT NULL THEN c.refusal
                    WHEN f.place IS NULL THEN 'Invalid transition: the workflow is in ' || w.current_state
                        || ', which is no state of this configuration'
                    WHEN p_reasons[f.place] IS NULL
                        AND c.attempt <> w.attempt + CASE WHEN p_opening[f.place] THEN 1 ELSE 0 END
                    THEN 'Invalid transition: it belongs to attempt ' || c.attempt || ', the workflow is in attempt '
                        || w.attempt
                    ELSE p_reasons[f.place]
                END AS reason
            OFFSET 0
        ) AS v
    ),
    moved AS (
        UPDATE workflow_state_current AS w SET
            current_state = j.to_state, previous_state = j.current_state, state_entry_time = j.said_at,
            transition_count = j.transition_count + 1, metadata = CASE p_source WHEN 'event' THEN w.metadata ELSE w.metadata || j.metadata END,
            attempt = j.at_attempt, correlation_id = j.said_correlation_id, is_terminal = j.is_terminal,
            source = CASE j.spoken WHEN p_source THEN p_source ELSE 'mixed' END
        FROM judged AS j
        WHERE w.ctid = j.row_place AND j.reason IS NULL AND NOT j.repeated AND NOT j.made_already
    ),
    written AS (
        INSERT INTO workflow_state_history (
            transition_id, workflow_id, from_state, to_state, event, transition_timestamp, guard_conditions_met, reason,
            metadata, accepted, conflict, attempt, transition_number, from_state_seconds, idempotency_key,
            correlation_id, source
        )
        SELECT
            j.transition_id, j.workflow_id, j.current_state, j.to_state, j.event, j.said_at, j.guard_met,
            coalesce(j.reason, j.why), j.metadata, j.reason IS NULL,
            coalesce(j.conflict, FALSE) OR (j.reason IS NOT NULL AND p_source = 'event'),
            CASE WHEN j.reason IS NULL THEN j.at_attempt ELSE coalesce(j.attempt, j.at_attempt) END,
            CASE WHEN j.reason IS NULL THEN j.transition_count + 1 END,
            CASE WHEN j.reason IS NULL THEN extract(epoch FROM j.said_at - j.state_entry_time) END,
            j.key, j.said_correlation_id, p_source
        FROM judged AS j
        WHERE NOT j.repeated AND NOT j.made_already
    ),
    correlated AS (
        INSERT INTO workflow_correlations (correlation_id, workflow_id)
        SELECT left(j.correlation_id, 255), j.workflow_id
        FROM judged AS j
        WHERE j.correlation_id IS NOT NULL AND j.correlation_id IS DISTINCT FROM j.kept_correlation_id
        ON CONFLICT DO NOTHING
    )
    SELECT
        j.nth,
        CASE WHEN j.repeated THEN j.was_accepted ELSE j.reason IS NULL OR j.made_already END,
        CASE
            WHEN NOT j.repeated AND NOT j.made_already THEN j.reason
            WHEN j.repeated AND NOT j.was_accepted THEN j.was_reason
        END,
        coalesce(j.was_from, j.current_state)::TEXT, coalesce(j.was_attempt, j.at_attempt),
        j.repeated OR j.made_already,
        NOT j.repeated OR (j.was_to, j.was_event) = (j.to_state, j.event)
    FROM judged AS j;
END
$$;
