"""Stores of face features: files of arrays, Parquet, and PostgreSQL with pgvector."""
