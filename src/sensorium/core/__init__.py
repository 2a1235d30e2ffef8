"""The nouns that every room shares: fields, batches, faults, errors, seeds, descriptions."""
