"""What is counted and measured, and the page and traces that tell it."""
