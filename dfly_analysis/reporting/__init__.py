"""What a person gets: executed notebooks with their pages, and batches of them."""
