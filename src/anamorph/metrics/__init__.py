"""What is measured of pictures, identities and readings."""
