"""Door 1, AWS Lambda's REST API: botocore's own model says what each operation takes and gives."""
