"""tmp"""
from rich.table import Table
def table(r):
    t=Table()
    for c in ("version","trained","F1","accuracy never shown","mean conf","sent"): t.add_column(c)
    for v in (r.first,r.second): t.add_row(v.name,str(v.train_images),f"{v.f1:.2f} ({v.test_images})",f"{v.accuracy:.1%}",f"{v.mean_confidence_pct:.1f}",f"{v.sent_to_people}/{v.incoming}")
    return t
def html(r,p,t): return ""
