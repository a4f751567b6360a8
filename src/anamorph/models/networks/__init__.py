"""Networks the package brings along: small classifiers, keys and decoders."""
