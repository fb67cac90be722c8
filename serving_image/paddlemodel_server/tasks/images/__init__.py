"""What the tasks for pictures share: which bytes are one, what they promise, their pixels."""
