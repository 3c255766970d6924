/* What a storm has come to: figures from the phones' report and from the meter's samples, printed
 * as text, JSON and a picture. One thread. */
#ifndef BW_SIM_OUTCOME_H
#define BW_SIM_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/meter.h"
#include "sim/report.h"

struct outcome_setup {
    const char *kind;
    const struct report *report;
    const struct meter_sample *samples; /* NULL: the upstream side was not asked */
    size_t n_samples;
    size_t first_second; /* of the report's timeline; what lies before it is not shown */
    uint64_t cut_us;     /* when the phones went; they came back at report->back.began_us */
    uint32_t within_s;
};

struct outcome {
    struct outcome_setup setup;
    uint64_t *front, *back; /* REGISTER/s, second by second; back: NULL where nobody was asked */
    size_t n;
    size_t cut, back_at;                                   /* seconds of these */
    uint64_t calm_front, calm_back, peak_front, peak_back; /* before and after */
    uint64_t to_upstream, postponed, refused_upstream;     /* since the cut */
    uint64_t never_back;
};

/* ERR_NOMEM. What the setup names outlives it. */
int outcome_init(const struct outcome_setup *setup, struct outcome *out);
void outcome_fini(struct outcome *o);

void outcome_print_text(const struct outcome *o, FILE *to);

/* One object on one line. */
void outcome_print_json(const struct outcome *o, FILE *to);

void outcome_print_svg(const struct outcome *o, FILE *to);

#endif
