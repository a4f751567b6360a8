"""Key files, derivation and sealing: the only place that touches secrets.

Every primitive is one of the `cryptography` library's: HKDF-SHA256, AES-256 in GCM and CTR mode,
Argon2id. Python cannot wipe memory: a secret stays in the process until the memory is reused.
"""
