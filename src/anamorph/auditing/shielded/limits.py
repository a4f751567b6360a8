"""What an audit of shielded features says of itself: how it measured, what it does not stop."""

from collections.abc import Iterator

from anamorph.auditing.shielded.result import ShieldAudit
from anamorph.auditing.wording import counted


def overview(audit: ShieldAudit) -> str:
    """What was audited."""
    store = audit.store
    size = " x ".join(map(str, store.shape))
    carried = f"carry {store.mark}" if store.mark else "carry no mark"
    return (
        f"{counted(store.rows, 'row')} in {store.name}, {store.kind} of {size}, which {carried}; "
        f"{store.paired} with pictures, of {store.people} people; {store.attacked} attacked. "
        f"Recognizer {audit.recognizer.name}; judge that took no part: {audit.judge.name}."
    )


def measuring(audit: ShieldAudit) -> tuple[str, ...]:
    """How it was measured, a sentence or two each."""
    method, store = audit.method, audit.store
    where = f"layer {method.layer}" if method.layer else "its embeddings"
    return (
        f"Clean features are those that {audit.recognizer.name} makes of the pictures ({where}). "
        "Attackers are tried on the records and, with the same network, on the clean features.",
        f"Attackers learn from {counted(store.known, 'picture')} ({store.known_from}), "
        f"{counted(method.updates, 'update')} for each decoder. Of a line-up of the attacked "
        "faces, the judge picks the one that a reconstruction is most like. An attacker gets "
        "somewhere if luck would do as well less than once in a hundred audits, or if his "
        "reconstructions pass at the matcher's threshold.",
        f"The matcher's threshold is {method.threshold_means}. Replayed is what passes there: the "
        "recognizer's reading of a reconstruction against that of the face itself.",
        "SSIM by itself says little: another person's photo has some 0.2, the mean face 0.4. Look "
        "at the identity cosine beside it.",
        "Intervals are 95 %: of shares Wilson score intervals, of means Student's t. Pairs that "
        "share a picture are not independent, so the intervals of accuracy and links should be "
        "somewhat wider.",
        "Linked: how often, of two pairs, the one that belongs together has the larger cosine "
        "(AUC), and D_sys of Gomez-Barrero et al. 2018 for two stores: 0 unlinkable, 1 linkable; "
        "few scores give some tenths by chance, which stands beside it.",
    )


def limits(audit: ShieldAudit) -> tuple[str, ...]:
    """What the figures do not prove, and what shielding does not stop."""
    return tuple(_limits(audit))


def _limits(audit: ShieldAudit) -> Iterator[str]:
    if audit.store.method in ("advface", "decoy"):
        yield (
            f"Whoever has {audit.recognizer.name}: the record still gives the person's embedding, "
            "which is compared with anybody's photo, linked, and inverted to a picture that passes."
        )
    if audit.store.method == "keyed":
        yield (
            "Whoever has the key, or plain embeddings of some records: from as many pairs as the "
            "embeddings fill directions, the rotation is known."
        )
        yield "Angles: they tell which records are of one person, and whole tables by their shape."
    yield ("Attackers that were not tried: larger decoders, more records, generators of faces.")
    yield "Whoever sees features before they are shielded: backups, logs, dead rows of the table."
    yield "Other pictures and other recognizers. The figures are of these, within the intervals."
