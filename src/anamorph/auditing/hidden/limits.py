"""What an audit of hidden pictures says of itself: how it measured, what it does not stop."""

from anamorph.auditing.hidden.result import HideAudit
from anamorph.auditing.hidden.verdict import FEW
from anamorph.auditing.wording import counted


def overview(audit: HideAudit) -> str:
    """What was audited."""
    kinds = ", ".join(counted(kind.n, f"{kind.kind} picture") for kind in audit.kinds)
    judge = audit.judge.name if audit.judge is not None else "none"
    return (
        f"{counted(len(audit.audited), 'picture')} of {len(audit.images)} audited: "
        f"{kinds or 'none'}. Service model {audit.service.name}; judge that took no part: {judge}. "
        f"Key {audit.key}."
    )


def measuring(audit: HideAudit) -> tuple[str, ...]:
    """How it was measured, a sentence or two each."""
    method = audit.method
    return (
        "Every figure was measured on pixels decoded from the files, each beside its original at "
        "the hidden picture's size. Models read every picture with their own preprocessing.",
        "A model reads a hidden picture as the original if its best class is the same, or the "
        f"cosine of the embeddings at least {method.least_cosine}. The gallery is the hidden "
        "pictures, searched with the originals themselves as probes: other pictures of the same "
        "people are found less often.",
        f"Attackers see the pictures at {method.attackers_see}. They learn from pairs and are "
        "tried on pictures they never saw; of a line-up of those originals, they pick the one that "
        "their guess resembles most, by the judge where it embeds, else by the correlation of "
        "blocks of light. An attacker gets somewhere if luck would do as well less than once in a "
        "hundred audits, whatever ties his picks to each other, or if his SSIM exceeds that of who "
        "looks at no hidden picture by 0.05, or his block correlation for certain.",
        f"With fewer than {FEW} pictures only what was counted and exceeds luck is taken for a "
        "leak: pictures that show, originals found or picked, wrong keys that are not refused.",
        "Intervals are 95 %: of shares Wilson score intervals, of means Student's t.",
        "Wrong keys are of the same kind: a fresh one for each picture; of network keys the "
        "network that comes with anamorph and that anybody has. By force means: whatever the file "
        "says about its key.",
        "Pictures that share one subkey are simulated: no file of anamorph's does. The rows show "
        "what the subkey for each picture is good for.",
    )


def limits(audit: HideAudit) -> tuple[str, ...]:
    """What the figures do not prove, and what hiding does not stop."""
    name = audit.service.name
    return (
        f"Whoever has {name}. It reads f(x) from hidden pictures, and with it anyone links "
        "pictures of one person, compares them with photos from elsewhere, and draws what f(x) "
        "tells.",
        "Attackers that were not tried. A larger network and more pairs may find what these did "
        "not; of sealed pictures a proof says that nothing beyond f(x) and the file's length is "
        "there to find, of permuted ones nothing is proved, network keys are known broken.",
        "Names, dates, numbers and sizes of files: they are told to whoever has the folder.",
        "Whoever has the key, or the originals.",
        "Other pictures and other models. The figures are of these, within the intervals.",
    )
