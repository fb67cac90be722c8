"""The HTTP workers: connections, heads, answers, under gunicorn. Nothing here imports Paddle."""
