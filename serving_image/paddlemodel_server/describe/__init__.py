"""What the server says of itself: a page for people, its facts as JSON, the OpenAPI document."""
