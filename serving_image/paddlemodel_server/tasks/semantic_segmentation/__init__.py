"""`spec.task.semanticSegmentation`: one picture in; the class of each of its pixels out, as a mask."""
