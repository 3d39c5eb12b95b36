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
    expiry_held_since TIMESTAMP WITH TIME ZONE -- since when expiries are held back because most nodes expired at once
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

CREATE FUNCTION record_node_changes() RETURNS TRIGGER LANGUAGE plpgsql AS $$
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
