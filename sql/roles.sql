-- Two group roles, without login, to be granted to accounts: omninode_reader for notebooks and Grafana, omninode_writer for
-- the processes that write. Run it after the migrations, as the owner of the tables with CREATEROLE; again does no harm.
--   psql "$OMNINODE_POSTGRES_URL" -f sql/roles.sql
--   GRANT omninode_reader TO grafana;

DO $$
BEGIN
    CREATE ROLE omninode_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL; -- roles belong to the whole server: another database of ours has made it
END
$$;

DO $$
BEGIN
    CREATE ROLE omninode_writer NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END
$$;

-- Writers copy into a temporary table.
DO $$
BEGIN
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO omninode_reader, omninode_writer', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO omninode_writer', current_database());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO omninode_reader, omninode_writer', current_schema());
END
$$;

GRANT SELECT ON
    registered_nodes, registry_identity, node_history, registry_outbox, node_heartbeats, registry_spooled,
    codegen_metrics_aggregated, refreshed_windows, refresh_progress, lake_batches, statistics_states,
    workflow_state_history, workflow_state_current, workflow_correlations, workflows_archived,
    workflow_transitions_archived
TO omninode_reader;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    registered_nodes, registry_identity, node_history, registry_outbox, node_heartbeats, registry_spooled,
    codegen_metrics_aggregated, refreshed_windows, refresh_progress, lake_batches, statistics_states,
    workflow_state_history, workflow_state_current, workflow_correlations, workflows_archived,
    workflow_transitions_archived
TO omninode_writer;

GRANT USAGE ON SEQUENCE registry_revision TO omninode_writer;
