"""What was measured, turned into figures, bars, charts and a page: pure functions of plain values."""
