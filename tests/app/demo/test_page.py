"""The page of the demo."""

import numpy as np

from anamorph.app.demo.page import Audited, Protected, Readings, Stolen, Theft, page
from anamorph.methods.fmd_parameters import FMD


def test_the_page_ends_with_what_the_audit_says_and_leads_to_its_report() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    readings = [
        Readings(model=model, role=role, before=("ann",), after=("ann",), clean=1.0, protected=1.0)
        for model, role in (("own", "authorized"), ("other", "unauthorized"))
    ]
    audited = Audited(
        verdict="Not protected: <all>.", caution="Beware.", report="audit/report.html"
    )
    html = page(
        readings,
        [Protected(name="ann", before=picture, after=picture + 9)],
        [],
        [Theft(stored="plain", thief="a <decoder>", ssim=0.754, named=0.9, found=1.0)],
        [Stolen(name="ann", before=picture, guesses=(("plain: a decoder", picture),))],
        audited,
        parameters=FMD(),
    )
    assert "Not protected: &lt;all&gt;." in html
    assert '<a href="audit/report.html">' in html
    assert '<td>a &lt;decoder&gt;</td><td class="number">0.75</td>' in html
    assert 'alt="ann, plain: a decoder"' in html
