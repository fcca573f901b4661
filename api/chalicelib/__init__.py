"""The controller behind the routes: values, use-cases and one adapter per outside library."""
