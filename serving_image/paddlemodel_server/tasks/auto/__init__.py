"""What an export ships beside a model, such as inference.yml: read, so that nobody must write it again."""
