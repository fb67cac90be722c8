"""The HTTP workers: connections, heads, answers; gunicorn and uvicorn's doors. Nothing here imports Paddle."""
