"""The machinery of loaders: collating, fetching, worker processes, shared memory."""
