"""What can keep the scan from running; each message is a sentence for the operator."""


class ScanError(Exception):
    """The scan could not be run, so nothing is known of the deployment."""
