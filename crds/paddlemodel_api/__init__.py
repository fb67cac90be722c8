"""What a PaddleModel may say, written once: types, rules, and the names that operator and server share."""
