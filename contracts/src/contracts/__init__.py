"""The language that the services speak: messages, subjects, streams, errors. Imports nothing of ours."""
