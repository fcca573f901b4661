"""The Lambda API: AWS Lambda's own paths and shapes, read from botocore's model of the service."""
