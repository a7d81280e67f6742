"""Plots of cost against size, as SVG.

A library would need more of a machine than everything else here, and its files
would differ from run to run. These are small, and differ where figures do.
"""

import dataclasses
import html
import math

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 40, 50  # Margins.
COLOURS = ("#1b6ca8", "#d1495b", "#5a8f29", "#8d5a97", "#b07d12", "#444444")


@dataclasses.dataclass
class Plot:
    name: str  # Of the file, without its ending.
    title: str
    x_label: str
    y_label: str
    lines: dict  # Label -> [(x, y), ...].
    log_x: bool = True
    log_y: bool = True


def short(value):
    """As a person would write it: 20, 1.5k, 10M."""
    for factor, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


class Axis:
    """Values to places between two ends, evenly or by their logarithm.

    If there are only `few` values on a logarithmic one, these are its ticks.
    """

    def __init__(self, values, log, first, last, few=0):
        self._log = log
        self._first, self._last = first, last
        low, high = min(values), max(values)
        if log and len(set(values)) <= few:
            self.ticks = sorted(set(values))
            if len(self.ticks) == 1:
                self.ticks.append(10 * high)
            high = self.ticks[-1]
        elif log:
            self.ticks = self._log_ticks(low, high)
            # From tick to tick, so that the line has room.
            low, high = min(low, self.ticks[0]), max(high, self.ticks[-1])
        else:
            step = self._step(high or 1)
            self.ticks = [step * i for i in range(math.ceil(high / step) + 1)]
            low, high = 0, self.ticks[-1] or 1
        self._low, self._high = self._scale(low), self._scale(high)

    def _scale(self, value):
        return math.log10(value) if self._log else value

    @staticmethod
    def _log_ticks(low, high):
        decades = range(math.floor(math.log10(low)),
                        math.ceil(math.log10(high)) + 1)
        if len(decades) < 2:
            decades = range(decades[0], decades[0] + 2)
        return [10.0 ** decade for decade in decades]

    @staticmethod
    def _step(high):
        """A round number that is in `high` five times or a little less."""
        power = 10 ** math.floor(math.log10(high / 5))
        return next(power * factor for factor in (1, 2, 5, 10)
                    if power * factor >= high / 5)

    def place(self, value):
        part = (self._scale(value) - self._low) / (self._high - self._low)
        return self._first + part * (self._last - self._first)


def svg(plot):
    """The plot as the text of an SVG file."""
    points = [point for line in plot.lines.values() for point in line]
    x = Axis([p[0] for p in points], plot.log_x, LEFT, WIDTH - RIGHT, few=6)
    y = Axis([p[1] for p in points], plot.log_y, HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} '
           f'{HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']

    def text(at_x, at_y, content, anchor="middle", more=""):
        out.append(f'<text x="{at_x:.0f}" y="{at_y:.0f}" '
                   f'text-anchor="{anchor}"{more}>{html.escape(content)}'
                   '</text>')

    def line(x1, y1, x2, y2, colour):
        out.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                   f'y2="{y2:.1f}" stroke="{colour}"/>')

    for tick in x.ticks:
        line(x.place(tick), TOP, x.place(tick), HEIGHT - BOTTOM, "#dddddd")
        text(x.place(tick), HEIGHT - BOTTOM + 16, short(tick))
    for tick in y.ticks:
        line(LEFT, y.place(tick), WIDTH - RIGHT, y.place(tick), "#dddddd")
        text(LEFT - 6, y.place(tick) + 4, short(tick), "end")
    text((LEFT + WIDTH - RIGHT) / 2, 20, plot.title, more=' font-size="14"')
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, plot.x_label)
    middle = (TOP + HEIGHT - BOTTOM) / 2
    text(16, middle, plot.y_label,
         more=f' transform="rotate(-90 16 {middle:.0f})"')

    for number, (label, values) in enumerate(plot.lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        places = [(x.place(a), y.place(b)) for a, b in sorted(values)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        out.append(f'<polyline points="{path}" fill="none" '
                   f'stroke="{colour}" stroke-width="2"/>')
        if len(places) <= 20:
            out.extend(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" '
                       f'fill="{colour}"/>' for a, b in places)
        at_y = TOP + 10 + 20 * number
        line(WIDTH - RIGHT + 12, at_y, WIDTH - RIGHT + 32, at_y, colour)
        text(WIDTH - RIGHT + 38, at_y + 4, label, "start")
    out.append("</svg>")
    return "\n".join(out) + "\n"
