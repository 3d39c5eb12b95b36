-- The statements of the outbox for Consul. Rows of registered_nodes and of the outbox are never locked together here:
-- who registers holds the one and waits for the other.

-- get_registry_id --
-- Who this registry is; made when it is first asked for.
INSERT INTO registry_identity (is_only) VALUES (TRUE)
ON CONFLICT (is_only) DO UPDATE SET is_only = TRUE
RETURNING registry_id;

-- claim_owed --
-- The rows that are due, for as long as the lease; who dies meanwhile leaves them to the next one. Nothing stays locked:
-- a Consul that does not answer must not hold up those who register.
WITH due AS (
    SELECT node_id
    FROM registry_outbox
    WHERE next_attempt_at <= clock_timestamp()
    ORDER BY next_attempt_at
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE registry_outbox AS o
SET attempts = o.attempts + 1, next_attempt_at = clock_timestamp() + %(lease)s
FROM due AS d
WHERE o.node_id = d.node_id
RETURNING o.node_id, o.revision, o.only_health, o.attempts;

-- get_nodes --
-- Nodes as they are now, with the health by age.
SELECT
    n.*,
    node_health(n.health_status, n.last_heartbeat, n.registration_timestamp, n.ttl_seconds, statement_timestamp())
        AS current_health
FROM registered_nodes AS n
WHERE n.node_id = ANY(%(node_ids)s);

-- get_all_nodes --
-- Every node as it is now, with the health by age.
SELECT
    n.*,
    node_health(n.health_status, n.last_heartbeat, n.registration_timestamp, n.ttl_seconds, statement_timestamp())
        AS current_health
FROM registered_nodes AS n
ORDER BY n.node_id;

-- settle_owed --
-- What was sent is owed no more, if it is still what is owed. What somebody else has changed since, and perhaps sent
-- before us, is owed once more: what was sent last may be the older one.
WITH sent AS MATERIALIZED (
    SELECT s.*
    FROM unnest(%(node_ids)s::TEXT[], %(revisions)s::BIGINT[], %(removals)s::BOOLEAN[])
        AS s (node_id, revision, is_removal),
        -- Nobody waits for the disk: what is forgotten in a crash is sent once more.
        set_config('synchronous_commit', 'off', TRUE) AS relaxed
), held AS MATERIALIZED (
    -- Whose row is locked is just being changed, and owed anew.
    SELECT o.node_id
    FROM registry_outbox AS o
    JOIN sent AS s USING (node_id)
    WHERE o.revision = s.revision
    ORDER BY o.node_id
    FOR UPDATE OF o SKIP LOCKED
), settled AS (
    DELETE FROM registry_outbox AS o USING held AS h WHERE o.node_id = h.node_id RETURNING o.node_id
)
INSERT INTO registry_outbox AS o (node_id, revision, only_health, next_attempt_at)
SELECT s.node_id, nextval('registry_revision'), FALSE, clock_timestamp()
FROM sent AS s
LEFT JOIN registered_nodes AS n USING (node_id)
LEFT JOIN settled AS d USING (node_id)
WHERE d.node_id IS NULL
AND CASE WHEN s.is_removal THEN n.node_id IS NOT NULL ELSE n.revision IS DISTINCT FROM s.revision END
ORDER BY s.node_id
ON CONFLICT (node_id) DO UPDATE
SET revision = excluded.revision, only_health = FALSE, next_attempt_at = excluded.next_attempt_at;

-- owe_nodes --
-- These are owed at once, whatever changed.
INSERT INTO registry_outbox AS o (node_id, revision, only_health, next_attempt_at)
SELECT node_id, nextval('registry_revision'), %(only_health)s, clock_timestamp()
FROM unnest(%(node_ids)s::TEXT[]) AS u (node_id)
ORDER BY node_id
ON CONFLICT (node_id) DO UPDATE
SET revision = excluded.revision,
    only_health = o.only_health AND excluded.only_health,
    next_attempt_at = excluded.next_attempt_at;

-- release_owed --
-- Whatever is owed is due at once. Whoever is just sending one of them loses nothing by that.
UPDATE registry_outbox SET next_attempt_at = clock_timestamp()
WHERE node_id IN (
    SELECT node_id FROM registry_outbox WHERE next_attempt_at > clock_timestamp() FOR UPDATE SKIP LOCKED
);

-- postpone_owed --
-- These could not be sent: the reason, and after how many seconds each is tried again.
UPDATE registry_outbox AS o
SET next_attempt_at = clock_timestamp() + s.seconds * INTERVAL '1 second', last_error = %(error)s
FROM unnest(%(node_ids)s::TEXT[], %(revisions)s::BIGINT[], %(seconds)s::DOUBLE PRECISION[])
    AS s (node_id, revision, seconds)
WHERE o.node_id = s.node_id AND o.revision = s.revision;

-- mark_in_consul --
-- These have been brought to Consul. Whoever is being changed is marked another time.
UPDATE registered_nodes AS n
SET consul_registered = TRUE
FROM (
    SELECT node_id
    FROM registered_nodes
    WHERE node_id = ANY(%(node_ids)s) AND consul_registered IS DISTINCT FROM TRUE
    ORDER BY node_id
    FOR UPDATE SKIP LOCKED
) AS m, set_config('synchronous_commit', 'off', TRUE) AS relaxed
WHERE n.node_id = m.node_id;

-- count_owed --
-- How many nodes Consul has yet to hear of.
SELECT count(*) FROM registry_outbox;

-- count_due --
-- How many are due, or claimed and not put off since: a failure says when to try again.
SELECT count(*) FROM registry_outbox WHERE next_attempt_at <= clock_timestamp() OR (attempts > 0 AND last_error IS NULL);

-- get_owed --
-- Those of these nodes of which Consul has yet to hear.
SELECT node_id FROM registry_outbox WHERE node_id = ANY(%(node_ids)s);

-- get_silent --
-- The nodes that have been silent for longer than their TTL, by age alone, the health that the registry shows of each, and
-- the revision of which that is.
SELECT
    node_id,
    node_health(health_status, last_heartbeat, registration_timestamp, ttl_seconds, statement_timestamp()) AS health,
    revision
FROM registered_nodes
WHERE statement_timestamp() > greatest(last_heartbeat, registration_timestamp) + ttl_seconds * INTERVAL '1 second';

-- count_expiries --
-- How many nodes there are, how many of them are silent, and how many became so at once: within so long, of late or since
-- somebody last looked; since when that is held back.
WITH nodes AS MATERIALIZED (
    SELECT greatest(last_heartbeat, registration_timestamp) + ttl_seconds * INTERVAL '1 second' AS expired_at
    FROM registered_nodes
), identity AS MATERIALIZED (
    SELECT expiry_held_since, expiry_looked_at FROM registry_identity
), at_once AS (
    SELECT count(*) OVER (ORDER BY expired_at RANGE BETWEEN %(lately)s::INTERVAL PRECEDING AND CURRENT ROW) AS nodes
    FROM nodes
    WHERE expired_at < statement_timestamp()
    AND expired_at > least(statement_timestamp(), (SELECT expiry_looked_at FROM identity)) - %(lately)s::INTERVAL
)
SELECT
    (SELECT count(*) FROM nodes) AS nodes,
    (SELECT count(*) FROM nodes WHERE expired_at < statement_timestamp()) AS silent,
    (SELECT coalesce(max(nodes), 0) FROM at_once) AS lately,
    (SELECT expiry_held_since FROM identity) AS held_since,
    statement_timestamp() AS now;

-- note_look --
-- Somebody has looked at the expiries just now; hold them back from now on, or let them go.
INSERT INTO registry_identity AS i (is_only, expiry_held_since, expiry_looked_at)
SELECT TRUE, CASE WHEN %(is_held)s THEN statement_timestamp() END, statement_timestamp()
-- Nobody waits for the disk: of a look that is forgotten in a crash the one before counts.
FROM set_config('synchronous_commit', 'off', TRUE)
ON CONFLICT (is_only) DO UPDATE
SET expiry_held_since = CASE WHEN %(is_held)s THEN coalesce(i.expiry_held_since, statement_timestamp()) END,
    expiry_looked_at = excluded.expiry_looked_at;

-- get_flapping --
-- The nodes whose health changed so often of late: by what was said of it, or by silence. A silence between two signs of life
-- makes a node degraded, then unhealthy, unless it was so already; its end is a change if it was, unless the end came with
-- another health, which is a change of its own.
WITH signs AS (
    SELECT b.node_id, b.received_at AS at, b.health_status, n.ttl_seconds * INTERVAL '1 second' AS ttl
    FROM node_heartbeats AS b
    JOIN registered_nodes AS n USING (node_id)
    WHERE b.received_at > statement_timestamp() - %(lately)s::INTERVAL - 3 * n.ttl_seconds * INTERVAL '1 second'
    UNION
    SELECT
        node_id, greatest(last_heartbeat, registration_timestamp), coalesce(health_status, 'unknown'),
        ttl_seconds * INTERVAL '1 second'
    FROM registered_nodes
), silences AS (
    SELECT
        node_id, ttl, at, health_status,
        lead(at) OVER (PARTITION BY node_id ORDER BY at) AS until,
        lead(health_status) OVER (PARTITION BY node_id ORDER BY at) AS health_after
    FROM signs
), changes AS (
    SELECT node_id, changed_at FROM node_history WHERE change = 'health'
    UNION ALL
    SELECT node_id, at + ttl FROM silences
    WHERE at + ttl < coalesce(until, statement_timestamp()) AND health_status NOT IN ('degraded', 'unhealthy')
    UNION ALL
    SELECT node_id, at + 2 * ttl FROM silences
    WHERE at + 2 * ttl < coalesce(until, statement_timestamp()) AND health_status <> 'unhealthy'
    UNION ALL
    SELECT node_id, until FROM silences
    WHERE at + CASE health_status WHEN 'degraded' THEN 2 ELSE 1 END * ttl < until
    AND health_status = health_after AND health_status <> 'unhealthy'
)
SELECT node_id, count(*) AS changes
FROM changes
WHERE changed_at > statement_timestamp() - %(lately)s::INTERVAL
GROUP BY node_id
HAVING count(*) >= %(least)s
ORDER BY changes DESC, node_id;

-- touch_nodes --
-- Whoever follows the nodes shall look at these again: age has changed their health. Whoever is being changed is looked at anyway.
UPDATE registered_nodes AS n
SET node_id = n.node_id
FROM (
    SELECT node_id FROM registered_nodes WHERE node_id = ANY(%(node_ids)s) ORDER BY node_id FOR UPDATE SKIP LOCKED
) AS t
WHERE n.node_id = t.node_id;
