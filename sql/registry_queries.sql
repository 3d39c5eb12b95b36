-- The statements of the node registry. The triggers of registered_nodes keep the history and the outbox.

-- prefer_indexes --
-- Nearly all statements look up few nodes by their ids, and keep the plan of their first calls, when there were few nodes and
-- reading all of them seemed cheap. What has to read them all still does.
SELECT set_config(name, 'off', FALSE) FROM unnest(ARRAY['enable_seqscan', 'jit']) AS s (name);

-- register_nodes --
-- Each row as it is now, whether it is new, and whether it changed. Who registers again is alive: if it was silent for
-- too long, its health is unknown again. Rows are locked in one order, so that two such statements never deadlock.
WITH given AS MATERIALIZED (
    SELECT *
    FROM json_to_recordset(%(nodes)s::JSON) AS g (
        node_id TEXT, node_name TEXT, node_type TEXT, version TEXT, capabilities JSONB, endpoints JSONB, metadata JSONB,
        ttl_seconds INTEGER, at TIMESTAMP WITH TIME ZONE
    )
), written AS (
    INSERT INTO registered_nodes AS n (
        node_id, node_name, node_type, version, capabilities, endpoints, metadata, ttl_seconds, registration_timestamp
    )
    SELECT
        node_id, node_name, node_type, version, capabilities, endpoints, metadata, ttl_seconds,
        coalesce(at, statement_timestamp())
    FROM given
    ORDER BY node_id
    ON CONFLICT (node_id) DO UPDATE SET
        node_name = excluded.node_name,
        node_type = excluded.node_type,
        version = excluded.version,
        capabilities = excluded.capabilities,
        endpoints = excluded.endpoints,
        metadata = excluded.metadata,
        ttl_seconds = excluded.ttl_seconds,
        last_heartbeat = greatest(n.last_heartbeat, excluded.registration_timestamp),
        registration_timestamp = coalesce(n.registration_timestamp, excluded.registration_timestamp),
        health_status = CASE
            WHEN excluded.registration_timestamp
                > greatest(n.last_heartbeat, n.registration_timestamp) + n.ttl_seconds * INTERVAL '1 second'
            THEN 'unknown'
            ELSE n.health_status
        END
    RETURNING n.*
)
SELECT w.*, revision_before IS NULL AS is_new, revision_before IS DISTINCT FROM w.revision AS is_changed
FROM (
    -- Row by row: a plan that was made for few nodes would join all of them, however many there are by now.
    SELECT w.*, (SELECT b.revision FROM registered_nodes AS b WHERE b.node_id = w.node_id) AS revision_before
    FROM written AS w
) AS w;

-- deregister_nodes --
-- Those that were there.
WITH locked AS (
    SELECT node_id FROM registered_nodes WHERE node_id = ANY(%(node_ids)s) ORDER BY node_id FOR UPDATE
)
DELETE FROM registered_nodes AS n
USING locked AS l
WHERE n.node_id = l.node_id
RETURNING n.node_id;

-- get_owed_revisions --
-- The revisions that this transaction's own changes have put into the outbox.
SELECT node_id, revision FROM registry_outbox WHERE node_id = ANY(%(node_ids)s);

-- report_health --
-- Each node's row as it is now, and whether it changed; a heartbeat that only repeats is no change.
WITH given AS MATERIALIZED (
    SELECT *
    FROM json_to_recordset(%(reports)s::JSON) AS g (
        node_id TEXT, health_status TEXT, is_heartbeat BOOLEAN, at TIMESTAMP WITH TIME ZONE
    )
), locked AS MATERIALIZED (
    SELECT n.node_id, n.revision, g.health_status, g.is_heartbeat, coalesce(g.at, statement_timestamp()) AS at
    FROM (SELECT * FROM given ORDER BY node_id) AS g
    CROSS JOIN LATERAL (
        -- Row by row, see above; OFFSET keeps it so.
        SELECT b.node_id, b.revision FROM registered_nodes AS b WHERE b.node_id = g.node_id FOR UPDATE OFFSET 0
    ) AS n
), beats AS (
    INSERT INTO node_heartbeats (node_id, received_at, health_status)
    SELECT node_id, at, health_status FROM locked WHERE is_heartbeat
), written AS (
    UPDATE registered_nodes AS n SET (health_status, last_heartbeat) = (
        SELECT
            l.health_status,
            CASE WHEN l.is_heartbeat THEN greatest(n.last_heartbeat, l.at) ELSE n.last_heartbeat END
        FROM locked AS l
        WHERE l.node_id = n.node_id
    )
    WHERE n.node_id = ANY(ARRAY(SELECT node_id FROM locked))
    RETURNING n.*, (SELECT l.revision FROM locked AS l WHERE l.node_id = n.node_id) AS revision_before
)
SELECT w.*, FALSE AS is_new, w.revision <> w.revision_before AS is_changed
FROM written AS w;

-- find_nodes --
-- A page of the nodes that have what is not null, with the health of each by its age, and how many there are in all: at
-- least one row, without a node if there is none.
WITH current AS (
    SELECT
        n.*,
        node_health(
            n.health_status, n.last_heartbeat, n.registration_timestamp, n.ttl_seconds,
            coalesce(%(now)s, statement_timestamp())
        ) AS current_health
    FROM registered_nodes AS n
    WHERE (%(node_id)s::TEXT IS NULL OR n.node_id = %(node_id)s)
    AND (%(node_type)s::TEXT IS NULL OR n.node_type = %(node_type)s)
    AND (%(capability)s::JSONB IS NULL OR n.capabilities @> %(capability)s)
    AND (%(version)s::TEXT IS NULL OR n.version = %(version)s)
    AND (%(name)s::TEXT IS NULL OR n.node_name = %(name)s)
), found AS MATERIALIZED (
    SELECT * FROM current WHERE %(health_status)s::TEXT IS NULL OR current_health = %(health_status)s
), page AS (
    SELECT * FROM found ORDER BY node_id LIMIT %(limit)s OFFSET %(offset)s
)
SELECT (SELECT count(*) FROM found) AS total_count, page.*
FROM (SELECT) AS one
LEFT JOIN page ON TRUE
ORDER BY page.node_id;

-- find_node --
-- One node by its id, with its health by age; no row if it is not there.
SELECT
    1 AS total_count,
    n.*,
    node_health(
        n.health_status, n.last_heartbeat, n.registration_timestamp, n.ttl_seconds,
        coalesce(%(now)s, statement_timestamp())
    ) AS current_health
FROM registered_nodes AS n
WHERE n.node_id = %(node_id)s;

-- count_nodes --
-- How many there are of each type and health by age.
SELECT
    node_type,
    node_health(
        health_status, last_heartbeat, registration_timestamp, ttl_seconds, coalesce(%(now)s, statement_timestamp())
    ) AS health_status,
    count(*) AS nodes
FROM registered_nodes
GROUP BY 1, 2
ORDER BY 1, 2;

-- count_changes --
-- How many changes of each kind there were, and how many nodes Consul has yet to hear of.
SELECT change, count(*) AS changes, (SELECT count(*) FROM registry_outbox) AS owed FROM node_history GROUP BY change;

-- get_node_as_of --
-- A node as it was then, and its latest heartbeat up to then; no row if nothing is known of it, no node if it was gone.
SELECT
    h.node,
    (
        SELECT max(b.received_at)
        FROM node_heartbeats AS b
        WHERE b.node_id = h.node_id AND b.received_at <= %(at)s
    ) AS last_heartbeat
FROM node_history AS h
WHERE h.node_id = %(node_id)s AND h.changed_at <= %(at)s
ORDER BY h.change_id DESC
LIMIT 1;

-- diff_nodes --
-- The nodes that changed after one time and up to another, each as it was at both; null where it was not there.
WITH touched AS (
    SELECT node_id, count(*) AS changes, max(changed_at) AS changed_at
    FROM node_history
    WHERE changed_at > %(since)s AND changed_at <= %(until)s
    GROUP BY node_id
)
SELECT t.node_id, t.changes, t.changed_at, b.node AS before, a.node AS after
FROM touched AS t
LEFT JOIN LATERAL (
    SELECT h.node
    FROM node_history AS h
    WHERE h.node_id = t.node_id AND h.changed_at <= %(since)s
    ORDER BY h.change_id DESC
    LIMIT 1
) AS b ON TRUE
LEFT JOIN LATERAL (
    SELECT h.node
    FROM node_history AS h
    WHERE h.node_id = t.node_id AND h.changed_at <= %(until)s
    ORDER BY h.change_id DESC
    LIMIT 1
) AS a ON TRUE
ORDER BY t.node_id;

-- get_heartbeats --
-- The latest heartbeats of a node, the latest first.
SELECT received_at, health_status
FROM node_heartbeats
WHERE node_id = %(node_id)s
ORDER BY received_at DESC
LIMIT %(limit)s;

-- expire_heartbeats --
-- Of the heartbeats only so much is kept; no more than so many go at once, so that nobody waits for it.
DELETE FROM node_heartbeats
WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM node_heartbeats WHERE received_at < statement_timestamp() - %(kept)s::INTERVAL LIMIT %(most)s
));

-- begin_spooled --
-- What others change meanwhile ends this transaction, instead of being overwritten with something older.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- get_server_time --
-- Times of a machine's own clock are put into this one's.
SELECT clock_timestamp();

-- claim_spooled --
-- Those of these changes that have not arrived before.
INSERT INTO registry_spooled (operation_id)
SELECT unnest(%(operation_ids)s::UUID[])
ON CONFLICT (operation_id) DO NOTHING
RETURNING operation_id;

-- get_overtaken --
-- Those of these changes whose nodes were changed since by somebody else.
SELECT g.operation_id
FROM json_to_recordset(%(operations)s::JSON) AS g (operation_id UUID, node_id TEXT, at TIMESTAMP WITH TIME ZONE)
WHERE EXISTS (SELECT FROM node_history AS h WHERE h.node_id = g.node_id AND h.changed_at > g.at);
