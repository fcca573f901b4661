"""One run of a function: lease, run, measure, charge, and how it is reported."""
