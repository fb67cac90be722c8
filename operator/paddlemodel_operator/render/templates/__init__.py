"""A pod template that stays as it is while another version is tried out, but for what it mirrors."""
