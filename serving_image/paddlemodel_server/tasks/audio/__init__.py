"""What the tasks for sounds share: decoding, features, lengths, documents."""
