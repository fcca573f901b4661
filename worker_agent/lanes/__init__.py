"""The two lanes of work, and what keeps them alive: capacity, heartbeats, the reaper."""
