"""`make demo`: its scenes, the archive server they fetch from, and waiting for a PaddleModel."""
