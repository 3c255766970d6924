/* REGISTER/s on both sides over time, drawn: two panels one above the other as SVG, or bars for a
 * terminal. Pure but for the file that it writes. */
#ifndef BW_SIM_CHART_H
#define BW_SIM_CHART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct chart {
    const char *title;
    const char *const *notes; /* lines of figures below the panels; NULL-terminated */
    const uint64_t *front;    /* REGISTER/s from the phones, second by second */
    const uint64_t *back;     /* the same to the upstream; NULL: nobody was asked */
    size_t n;
    size_t cut, back_at; /* the seconds in which the phones went and came back */
};

/* The largest value; 0: none. */
uint64_t chart_peak(const uint64_t *values, size_t n);

/* A row of bars for each second, or for so many seconds that there are 40 rows at the most. */
void chart_print_text(const struct chart *c, FILE *to);

void chart_print_svg(const struct chart *c, FILE *to);

#endif
