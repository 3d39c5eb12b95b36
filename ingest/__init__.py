"""Kafka in, Delta lake of Parquet micro-batches out."""
