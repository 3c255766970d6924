#include "sim/chart.h"

enum {
    ROWS_MAX = 40,
    BAR = 30, /* characters */
    WIDTH = 860,
    PANEL = 180,
    LEFT = 70,
    RIGHT = 20,
    TOP = 56,
    GAP = 46,
    NOTE = 18,
    FIRST_NOTE = 40,
    TICKS_MAX = 10
};

uint64_t chart_peak(const uint64_t *values, size_t n)
{
    uint64_t most = 0;
    for (size_t i = 0; values && i < n; i++)
        if (values[i] > most)
            most = values[i];
    return most;
}

/* ---------------------------------------------------------------- text */

static void print_bar(FILE *to, uint64_t value, uint64_t most)
{
    char bar[BAR + 1];
    uint64_t n = most ? (value * BAR + most - 1) / most : 0;
    memset(bar, ' ', BAR);
    memset(bar, '#', n);
    bar[BAR] = '\0';
    (void)fprintf(to, " %8lu %s", (unsigned long)value, bar);
}

static const char *event(const struct chart *c, size_t from, size_t to)
{
    if (c->back_at >= from && c->back_at < to)
        return " back";
    return c->cut >= from && c->cut < to ? " cut" : "";
}

/* Both sides on one scale: that is the point of the picture. Of several seconds the highest. */
void chart_print_text(const struct chart *c, FILE *to)
{
    const size_t step = (c->n + ROWS_MAX - 1) / ROWS_MAX;
    const uint64_t most = chart_peak(c->front, c->n);
    (void)fprintf(to, "%6s %8s %-*s", "second", "phones/s", BAR, "");
    (void)fprintf(to, c->back ? " upstream/s\n" : "\n");
    for (size_t i = 0; i < c->n; i += step) {
        const size_t n = c->n - i < step ? c->n - i : step;
        (void)fprintf(to, "%6zu", i);
        print_bar(to, chart_peak(c->front + i, n), most);
        if (c->back)
            print_bar(to, chart_peak(c->back + i, n), most);
        (void)fprintf(to, "%s\n", event(c, i, i + n));
    }
}

/* ---------------------------------------------------------------- SVG */

/* 1, 2 or 5 times a power of ten, not below n. */
static uint64_t round_up(uint64_t n)
{
    for (uint64_t power = 1;; power *= 10)
        for (unsigned k = 1; k <= 5; k += k == 1 ? 1 : 3)
            if (k * power >= n)
                return k * power;
}

static double x_of(const struct chart *c, size_t second)
{
    return LEFT + (double)(WIDTH - LEFT - RIGHT) * (double)second / (double)(c->n ? c->n : 1);
}

static void print_text(FILE *to, double x, double y, const char *how, const char *text)
{
    (void)fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, how);
    for (; *text; text++) {
        if (*text == '<')
            (void)fputs("&lt;", to);
        else if (*text == '&')
            (void)fputs("&amp;", to);
        else
            (void)fputc(*text, to);
    }
    (void)fputs("</text>\n", to);
}

static void print_line(FILE *to, double x1, double y1, double x2, double y2)
{
    (void)fprintf(to, "<path class=\"grid\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", x1, y1, x2, y2);
}

static void print_event(const struct chart *c, FILE *to, size_t second, double top)
{
    const double x = x_of(c, second);
    (void)fprintf(to, "<path class=\"event\" d=\"M%.1f %.1fV%.1f\"/>\n", x, top, top + PANEL);
}

/* Three lines of the scale with their values. */
static void print_scale(FILE *to, double top, uint64_t most)
{
    for (unsigned i = 0; i <= 2; i++) {
        char text[32];
        const double y = top + PANEL - PANEL * i / 2.0;
        (void)snprintf(text, sizeof text, "%.10g", (double)most * i / 2.0);
        print_line(to, LEFT, y, WIDTH - RIGHT, y);
        print_text(to, LEFT - 8, y + 4, "text-anchor=\"end\"", text);
    }
}

static void print_curve(const struct chart *c, FILE *to, const uint64_t *values, double top)
{
    const uint64_t most = round_up(chart_peak(values, c->n));
    print_scale(to, top, most);
    print_event(c, to, c->cut, top);
    print_event(c, to, c->back_at, top);
    (void)fprintf(to, "<path class=\"%s\" d=\"M%d %.1f", values == c->front ? "front" : "back",
                  LEFT, top + PANEL);
    for (size_t i = 0; i < c->n; i++)
        (void)fprintf(to, "V%.1fH%.1f", top + PANEL - (double)values[i] * PANEL / (double)most,
                      x_of(c, i + 1));
    (void)fprintf(to, "V%.1fZ\"/>\n", top + PANEL);
}

static void print_panel(const struct chart *c, FILE *to, const uint64_t *values, double top)
{
    char text[96];
    (void)snprintf(text, sizeof text, "REGISTER/s %s, at most %lu",
                   values == c->front ? "from the phones" : "to the upstream",
                   (unsigned long)chart_peak(values, c->n));
    print_text(to, LEFT, top - 8, "", text);
    print_curve(c, to, values, top);
}

static void print_seconds(const struct chart *c, FILE *to, double y)
{
    const size_t step = round_up(c->n / TICKS_MAX + 1);
    for (size_t i = 0; i <= c->n; i += step) {
        char text[24];
        (void)snprintf(text, sizeof text, "%zu s", i);
        print_text(to, x_of(c, i), y, "text-anchor=\"middle\"", text);
    }
}

static size_t n_notes(const struct chart *c)
{
    size_t n = 0;
    while (c->notes[n])
        n++;
    return n;
}

void chart_print_svg(const struct chart *c, FILE *to)
{
    const int n_panels = c->back ? 2 : 1;
    const int bottom = TOP + n_panels * (PANEL + GAP) - GAP;
    const int height = bottom + FIRST_NOTE + NOTE * (int)n_notes(c);
    (void)fprintf(to,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">\n"
                  "<style>text{font:13px sans-serif;fill:#222}.grid{stroke:#ddd}"
                  ".event{stroke:#888;stroke-dasharray:4 3}.front{fill:#c2410c;fill-opacity:.75}"
                  ".back{fill:#1d4ed8;fill-opacity:.75}</style>\n"
                  "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
                  WIDTH, height, WIDTH, height);
    print_text(to, LEFT, 20, "style=\"font-weight:bold\"", c->title);
    print_panel(c, to, c->front, TOP);
    if (c->back)
        print_panel(c, to, c->back, TOP + PANEL + GAP);
    print_seconds(c, to, bottom + 16);
    for (size_t i = 0; c->notes[i]; i++)
        print_text(to, LEFT, bottom + FIRST_NOTE + NOTE * (double)i, "", c->notes[i]);
    (void)fputs("</svg>\n", to);
}
