"""Invocations from the request to the record: lanes, ledger, payloads, retries, logs, usage."""
