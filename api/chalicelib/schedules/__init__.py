"""Schedules: cron and rate expressions, what is due, and running it."""
