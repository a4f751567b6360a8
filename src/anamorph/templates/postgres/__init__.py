"""Features in PostgreSQL with pgvector: reached, searched, and moved behind a shield."""
