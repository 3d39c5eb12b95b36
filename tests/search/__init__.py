"""The search: its parts on plain documents, and as a whole on a real Postgres."""
