"""What the processes of one server share: memory pages, and the context that children inherit."""
