"""The worker agent: takes Deliveries from its lanes and runs them in locked-down Sandboxes."""
