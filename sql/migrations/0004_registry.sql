-- What the node registry needs beside its table: revisions, history, the outbox for Consul, heartbeats.

ALTER TABLE registered_nodes
    ADD COLUMN ttl_seconds INTEGER NOT NULL DEFAULT 90,
    ADD COLUMN revision BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN changed_xid XID8 NOT NULL DEFAULT '0',
    ADD COLUMN updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now();
CREATE INDEX registered_nodes_by_name ON registered_nodes (node_name);
CREATE INDEX registered_nodes_by_transaction ON registered_nodes (changed_xid);

-- Numbers the changes of nodes, over all nodes.
CREATE SEQUENCE registry_revision;
UPDATE registered_nodes SET revision = nextval('registry_revision');

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

-- Nodes that were there before begin their history.
INSERT INTO node_history (node_id, revision, change, node)
SELECT node_id, revision, 'registered', to_jsonb(n) - 'changed_xid' FROM registered_nodes AS n;
