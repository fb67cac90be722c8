"""`spec.task.tableStructure`: a picture of a table in; its structure as HTML, and its cells' corners, out."""
