"""Everything that is written from the registry: schemas, AsyncAPI, the subject table, permissions, TypeScript."""
