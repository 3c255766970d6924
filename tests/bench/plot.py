"""Bars as SVG, by nothing but Python: what a bench has measured."""

COLOURS = {"bare": "#9aa5b1", "breakwater": "#1f6feb", "kamailio": "#d97706"}
SCALE = 420  # of a ratio of 1, in pixels


def head(lines, devices):
    return f"{lines:,} lines" + (f", {devices} devices each" if devices > 1 else "")


def bar(y, name, ratio, median):
    width = max(1, round(ratio * SCALE))
    return (f'<text x="10" y="{y + 13}">{name}</text>'
            f'<rect x="100" y="{y}" width="{width}" height="16" fill="{COLOURS[name]}"/>'
            f'<text x="{106 + width}" y="{y + 13}">{ratio:.2f} ({median / 1000:.0f} k/s)</text>')


def draw(path, results):
    """results: (lines, devices, server, refreshes a second of its processor time, ratio to bare)."""
    rows, y, last = [], 10, None
    for lines, devices, name, median, ratio in results:
        if (lines, devices) != last:
            y += 20
            rows.append(f'<text x="10" y="{y}" font-weight="bold">{head(lines, devices)}</text>')
            y += 10
        last = (lines, devices)
        rows.append(bar(y, name, ratio, median))
        y += 22
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{y + 10}" '
                'font-family="sans-serif" font-size="13">\n'
                '<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(rows) + "\n</svg>\n")
