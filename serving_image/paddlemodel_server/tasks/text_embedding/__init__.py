"""`spec.task.textEmbedding`: texts in, a vector for each out, at `/predict` and as OpenAI's API has it."""
