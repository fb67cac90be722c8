"""The blocks of `spec`, one file per topic; model.py puts them together, crd.py prints them."""
