"""The running of the platform: health, metrics, the fleet, and what is done every minute."""
