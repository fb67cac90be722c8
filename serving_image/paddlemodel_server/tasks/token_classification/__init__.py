"""`spec.task.tokenClassification`: texts in; entities, or words, with their labels and places out."""
