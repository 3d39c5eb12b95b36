-- The tables of the system as they are now. This file is the truth: a test compares it with what the migrations make.

-- The nodes that are registered. `capabilities` is an array of {"name": ..., "description": ...}, `endpoints` an object
-- of {"url": ...} by name.
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
    metadata JSONB DEFAULT '{}',
    ttl_seconds INTEGER NOT NULL DEFAULT 90, -- silent for longer it is degraded, for longer than twice that unhealthy
    revision BIGINT NOT NULL DEFAULT 0, -- the number of the latest change of the node or its health
    changed_xid XID8 NOT NULL DEFAULT '0', -- the transaction of the latest write, heartbeats too
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now() -- when the node or its health last changed
);
CREATE INDEX registered_nodes_by_type ON registered_nodes (node_type);
CREATE INDEX registered_nodes_by_capability ON registered_nodes USING gin (capabilities jsonb_path_ops);
CREATE INDEX registered_nodes_by_name ON registered_nodes (node_name);
CREATE INDEX registered_nodes_by_transaction ON registered_nodes (changed_xid);

-- Numbers the changes of nodes, over all nodes.
CREATE SEQUENCE registry_revision;

-- Who this registry is in a Consul that several registries share: what bears another id there is not ours to remove.
-- The row is made when it is first needed, so that the copy of an empty database is another registry.
CREATE TABLE registry_identity (
    is_only BOOLEAN PRIMARY KEY DEFAULT TRUE CHECK (is_only),
    registry_id UUID NOT NULL DEFAULT gen_random_uuid(),
    expiry_held_since TIMESTAMP WITH TIME ZONE, -- since when expiries are held back because most nodes expired at once
    expiry_looked_at TIMESTAMP WITH TIME ZONE -- when somebody last looked whether they do
);

-- Every change of every node, as the node was after it. Triggers write it, so that no way of writing leaves it out.
-- `change_id` orders the changes of one node. To follow the changes of all, read what `changed_xid >= W`, where W is
-- pg_snapshot_xmin(pg_current_snapshot()) of the previous look: nothing is missed, some may be read twice.
CREATE TABLE node_history (
    change_id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id VARCHAR(255) NOT NULL,
    revision BIGINT NOT NULL,
    change VARCHAR(50) NOT NULL, -- registered, updated, health, deregistered
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    changed_xid XID8 NOT NULL DEFAULT pg_current_xact_id(),
    node JSONB -- NULL once it is deregistered
);
CREATE INDEX node_history_by_node ON node_history (node_id, change_id);
CREATE INDEX node_history_by_time ON node_history (changed_at);
CREATE INDEX node_history_by_transaction ON node_history (changed_xid);

-- The nodes that Consul has yet to hear of: one row a node, however often it changed, since what is delivered is the
-- node as it is then, or its removal if it is not there.
CREATE TABLE registry_outbox (
    node_id VARCHAR(255) PRIMARY KEY,
    revision BIGINT NOT NULL,
    only_health BOOLEAN NOT NULL, -- whether health alone changed
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(),
    attempts INTEGER NOT NULL DEFAULT 0,
    -- Who made the change delivers it himself; the relay waits for so long before it takes him for dead.
    next_attempt_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp() + INTERVAL '8 seconds',
    last_error TEXT
);
CREATE INDEX registry_outbox_by_time ON registry_outbox (next_attempt_at);

-- Each heartbeat, and what the node said of its health.
CREATE TABLE node_heartbeats (
    node_id VARCHAR(255) NOT NULL,
    received_at TIMESTAMP WITH TIME ZONE NOT NULL,
    health_status VARCHAR(50) NOT NULL
);
CREATE INDEX node_heartbeats_by_node ON node_heartbeats (node_id, received_at);
CREATE INDEX node_heartbeats_by_time ON node_heartbeats USING brin (received_at);

-- Changes that a machine kept for itself while this database was away, and that have arrived: none is made twice.
CREATE TABLE registry_spooled (
    operation_id UUID PRIMARY KEY,
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);

-- Silence overrides what a node last said of its health: after its TTL it is degraded, after twice that unhealthy. A
-- registration is a sign of life too. While a mass expiry is held back, age does not count.
CREATE FUNCTION health_by_age(
    stored TEXT, last_heartbeat TIMESTAMP WITH TIME ZONE, registered TIMESTAMP WITH TIME ZONE, ttl_seconds INTEGER,
    at TIMESTAMP WITH TIME ZONE, is_held BOOLEAN
) RETURNS TEXT LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN is_held THEN coalesce(stored, 'unknown')
        WHEN stored = 'unhealthy' OR at > greatest(last_heartbeat, registered) + 2 * ttl_seconds * INTERVAL '1 second'
        THEN 'unhealthy'
        WHEN at > greatest(last_heartbeat, registered) + ttl_seconds * INTERVAL '1 second' THEN 'degraded'
        ELSE coalesce(stored, 'unknown')
    END
$$;

-- The same, whether or not expiries are held back now. Over many rows ask that once, and call the one above: it is inlined.
CREATE FUNCTION node_health(
    stored TEXT, last_heartbeat TIMESTAMP WITH TIME ZONE, registered TIMESTAMP WITH TIME ZONE, ttl_seconds INTEGER,
    at TIMESTAMP WITH TIME ZONE
) RETURNS TEXT LANGUAGE sql STABLE AS $$
    SELECT health_by_age(
        stored, last_heartbeat, registered, ttl_seconds, at,
        EXISTS (SELECT FROM registry_identity WHERE expiry_held_since IS NOT NULL)
    )
$$;

-- Each write is stamped with its transaction; only what changes the node or its health is a new revision.
CREATE FUNCTION stamp_node() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_xid := pg_current_xact_id();
    IF TG_OP = 'UPDATE' THEN
        IF NEW.node_id <> OLD.node_id THEN
            RAISE EXCEPTION 'a node keeps its node_id: deregister it and register another one';
        END IF;
        IF (NEW.node_name, NEW.node_type, NEW.version, NEW.capabilities, NEW.endpoints, NEW.metadata, NEW.ttl_seconds,
            NEW.health_status)
            IS NOT DISTINCT FROM
           (OLD.node_name, OLD.node_type, OLD.version, OLD.capabilities, OLD.endpoints, OLD.metadata, OLD.ttl_seconds,
            OLD.health_status)
        THEN
            NEW.revision := OLD.revision;
            RETURN NEW;
        END IF;
    END IF;
    NEW.revision := nextval('registry_revision');
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END
$$;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON registered_nodes FOR EACH ROW EXECUTE FUNCTION stamp_node();

-- Its plan is kept from a time when few nodes changed at once: joined row by row, thousands would take seconds.
CREATE FUNCTION record_node_changes() RETURNS TRIGGER LANGUAGE plpgsql SET enable_nestloop = off AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO node_history (node_id, revision, change, node)
        SELECT node_id, revision, 'registered', to_jsonb(n) - 'changed_xid' FROM new_nodes AS n;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO node_history (node_id, revision, change, node)
        SELECT
            n.node_id,
            n.revision,
            CASE WHEN (n.node_name, n.node_type, n.version, n.capabilities, n.endpoints, n.metadata, n.ttl_seconds)
                IS DISTINCT FROM
                (o.node_name, o.node_type, o.version, o.capabilities, o.endpoints, o.metadata, o.ttl_seconds)
            THEN 'updated' ELSE 'health' END,
            to_jsonb(n) - 'changed_xid'
        FROM new_nodes AS n
        JOIN old_nodes AS o USING (node_id)
        WHERE n.revision <> o.revision;
    ELSE
        INSERT INTO node_history (node_id, revision, change)
        SELECT node_id, nextval('registry_revision'), 'deregistered' FROM old_nodes;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER record_insert AFTER INSERT ON registered_nodes
REFERENCING NEW TABLE AS new_nodes FOR EACH STATEMENT EXECUTE FUNCTION record_node_changes();
CREATE TRIGGER record_update AFTER UPDATE ON registered_nodes
REFERENCING OLD TABLE AS old_nodes NEW TABLE AS new_nodes FOR EACH STATEMENT EXECUTE FUNCTION record_node_changes();
CREATE TRIGGER record_delete AFTER DELETE ON registered_nodes
REFERENCING OLD TABLE AS old_nodes FOR EACH STATEMENT EXECUTE FUNCTION record_node_changes();

-- What changed is owed to Consul, and told to whoever listens to registry_changed, as {"node_id": ..., "revision": ...}.
CREATE FUNCTION announce_node_changes() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO registry_outbox AS o (node_id, revision, only_health)
    SELECT node_id, max(revision), bool_and(change = 'health') FROM new_changes GROUP BY node_id
    ON CONFLICT (node_id) DO UPDATE
    SET revision = excluded.revision,
        only_health = o.only_health AND excluded.only_health,
        attempts = 0,
        next_attempt_at = excluded.next_attempt_at;
    PERFORM pg_notify('registry_changed', json_build_object('node_id', node_id, 'revision', revision)::TEXT)
    FROM new_changes;
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT ON node_history
REFERENCING NEW TABLE AS new_changes FOR EACH STATEMENT EXECUTE FUNCTION announce_node_changes();

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
    metadata JSONB DEFAULT '{}',
    accepted BOOLEAN NOT NULL DEFAULT TRUE,
    conflict BOOLEAN NOT NULL DEFAULT FALSE, -- it contradicts what is known of the workflow from elsewhere
    attempt INTEGER NOT NULL DEFAULT 1, -- 1 + retries
    transition_number INTEGER, -- which of the workflow's accepted transitions it is, from 1; NULL: rejected
    from_state_seconds DOUBLE PRECISION, -- how long the workflow had been in from_state; NULL: rejected
    idempotency_key TEXT,
    correlation_id TEXT,
    source VARCHAR(10) NOT NULL DEFAULT 'api', -- api | event
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX workflow_state_history_by_workflow ON workflow_state_history (workflow_id, transition_timestamp);

-- Where each workflow stands. Pages are left partly empty, since most rows are updated some times.
CREATE TABLE workflow_state_current (
    workflow_id UUID PRIMARY KEY,
    current_state VARCHAR(50) NOT NULL,
    previous_state VARCHAR(50),
    state_entry_time TIMESTAMP WITH TIME ZONE,
    transition_count INTEGER DEFAULT 0,
    metadata JSONB DEFAULT '{}',
    attempt INTEGER NOT NULL DEFAULT 1,
    correlation_id TEXT,
    is_terminal BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT clock_timestamp(), -- when it came into its first state
    source VARCHAR(10) NOT NULL DEFAULT 'api', -- who has moved it: api | event | mixed
    event_digest BIGINT -- of what events say of it; NULL: nothing yet
) WITH (fillfactor = 80);
CREATE INDEX workflow_state_current_by_state ON workflow_state_current (current_state, state_entry_time);

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
