"""The audit of hidden pictures: what shows without the key, and what attackers make of them."""
