"""What axe-core is asked in a browser, and where tools/axe.sh has put it."""

import os
from pathlib import Path

AXE = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "motefit-tools/axe/axe.min.js"
)
EXCESS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
JUDGE = (
    "axe.run().then(r => [r.passes.length, r.violations.map(v => [v.impact, v.id, "
    "v.nodes.map(n => n.html.slice(0, 300)).join(' ')])])"
)
