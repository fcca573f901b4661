"""The controller on one real Redis and the AWS stand-in."""
