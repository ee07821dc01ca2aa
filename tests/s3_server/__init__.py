"""A server that speaks S3, for tests: moto, from an environment of its own (`make test-tools`)."""
