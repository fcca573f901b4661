"""The adapters that several packages share: DynamoDB items, S3 files, Redis, and AWS's errors."""
