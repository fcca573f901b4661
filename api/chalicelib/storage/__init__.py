"""What the controller keeps things in: DynamoDB's items, S3, Redis, and what goes wrong with them."""
