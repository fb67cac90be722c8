"""One idempotent step for one model: parse, render, apply, observe, judge."""
