"""The node registry: dual registration, health and search. It is still to come; the database has its table already."""
