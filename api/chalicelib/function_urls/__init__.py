"""Door 3, function URLs: any HTTP request becomes an event, and what the function says becomes the HTTP answer."""
