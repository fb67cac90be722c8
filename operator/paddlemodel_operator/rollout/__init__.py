"""What a canary does next: revisions, steps, the judgement of its numbers. Pure."""
