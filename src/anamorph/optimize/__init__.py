"""Problems and the one loop that solves them."""
