"""What the worker reads and writes elsewhere: the ledger, S3, Redis, SQS."""
