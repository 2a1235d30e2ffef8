"""Readers, one kind of source a file; ``read`` chooses among them."""
