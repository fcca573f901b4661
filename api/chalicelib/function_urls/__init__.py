"""Function URLs: turns an HTTP request into an event, and what the function returns into the HTTP answer."""
