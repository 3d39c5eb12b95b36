-- What the registry's service needs: health by age, and which spooled changes have arrived.

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

-- Changes that a machine kept for itself while this database was away, and that have arrived: none is made twice.
CREATE TABLE registry_spooled (
    operation_id UUID PRIMARY KEY,
    applied_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now()
);

-- Its plan is kept from a time when few nodes changed at once: joined row by row, thousands would take seconds.
ALTER FUNCTION record_node_changes() SET enable_nestloop = off;
