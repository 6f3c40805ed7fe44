"""Write the table of settings in docs/serving.md from flambeau.serve.Settings; --check compares."""

import re
import sys
from pathlib import Path

from flambeau.serve.settings import Settings

PAGE = Path(__file__).parents[1] / "docs/serving.md"
BETWEEN = re.compile(r"(<!-- settings -->\n).*?(<!-- end of settings -->)", re.DOTALL)


def shown(default: object) -> str:
    if default is None or default == ():
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return f"{default:g}" if isinstance(default, float) else f"{default}"


def table() -> str:
    lines = ["| setting | default | |", "|---|---|---|"]
    for name in Settings.names():
        field = Settings.model_fields[name]
        extra = field.json_schema_extra
        flag = "" if isinstance(extra, dict) and extra["flag"] else " No flag."
        about = (field.description or "").replace("|", "\\|")
        lines.append(f"| `{name}` | {shown(field.default)} | {about}{flag} |")
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """Return the page's text with the table as it should be."""
    return BETWEEN.sub(lambda found: f"{found[1]}\n{table()}\n{found[2]}", page)


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    if page == written(page):
        return 0
    if "--check" in sys.argv[1:]:
        print(
            "docs/serving.md: the table of settings is out of date: python tools/settings_table.py"
        )
        return 1
    PAGE.write_text(written(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
