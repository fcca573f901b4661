"""What can go wrong with a deployment, each with a sentence for whoever deploys."""


class DeployError(Exception):
    """A deployment cannot go on; the message says why and what to do."""
