"""The name that AWS Lambda's console gives a new function's handler, so that one zip runs there and here."""

from main import handler as lambda_handler

__all__ = ["lambda_handler"]
