"""An HTTP endpoint for those who know that a batch is done: services, buckets and programs of the user."""
