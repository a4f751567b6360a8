"""What an audit says of itself: how it measured, and what it does not prove."""

from anamorph.auditing.audit import Audit
from anamorph.auditing.wording import counted


def overview(audit: Audit) -> str:
    """What was audited, and how the pictures look."""
    quality = audit.quality
    parts = [
        f"{counted(len(audit.audited), 'picture')} of {len(audit.images)} audited",
        f"{counted(len(audit.method.attacks), 'attack')} tried",
    ]
    if quality.psnr_median is not None:
        parts.append(f"median PSNR {quality.psnr_median:.1f} dB")
    if quality.ssim_median is not None:
        parts.append(f"median SSIM {quality.ssim_median:.3f}")
    if quality.lpips_median is not None:
        parts.append(f"median LPIPS {quality.lpips_median:.3f}")
    if quality.linf_max is not None:
        parts.append(f"no value changed by more than {quality.linf_max:.4g} of 255 levels")
    return "; ".join(parts) + "."


def measuring(audit: Audit) -> tuple[str, ...]:
    """How it was measured, a sentence or two each."""
    right = (
        "A reading is right when it is the label that was given."
        if audit.method.labeled
        else "A reading is right when it equals the model's own reading of the original."
    )
    return (
        "Every figure was measured on pixels decoded from the files. Each model read every "
        "picture as it would read a user's file: at its own resolution, with its own "
        "preprocessing.",
        f"{right} An embedding is right while its cosine to the original's is at least "
        f"{audit.method.least_cosine}.",
        "Intervals are 95 % Wilson score intervals. That of a mean over models counts the "
        "pictures once, as if the models always agreed, so it is rather too wide than too "
        "narrow. Attacks are done by real codecs and filters on 8-bit pixels; for each, the "
        "originals are attacked too, which shows what the attack costs by itself.",
    )


def limits(audit: Audit) -> tuple[str, ...]:
    """What the figures do not prove."""
    unseen = counted(audit.means.models, "model")
    return (
        f"Models that were not tried. {unseen} stand for all the others; larger and newer ones "
        "often read more.",
        "Attacks that were not tried. Whoever wants the readings will try several, and diffusion "
        "purifiers are stronger than anything here.",
        "An attacker who adapts. Whoever trains a model on protected pictures, or distills one, "
        "will read them; no published protection of this kind withstands it.",
        "Other pictures. The figures are of these ones; similar pictures do similarly, within "
        "the interval.",
        "People. They see the same picture, and so does whoever has the original.",
    )
