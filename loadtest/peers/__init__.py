"""What serves the same functions beside Hearth, to compare with; never a part of the product."""
