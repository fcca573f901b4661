"""The controller without its parts."""
