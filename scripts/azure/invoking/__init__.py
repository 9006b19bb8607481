"""Many images through the client: inputs, order, outputs, going on where a run stopped."""
