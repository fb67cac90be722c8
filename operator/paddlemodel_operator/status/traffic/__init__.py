"""Which ways lead to the model, and who may take them."""
