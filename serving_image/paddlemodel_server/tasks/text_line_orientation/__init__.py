"""`spec.task.textLineOrientation`: a picture in, out by how many degrees it is turned."""
