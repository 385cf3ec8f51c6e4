/* scores.c - scores as rows of a table, and whether responses are counts. */
#include "scores.h"
#include <math.h>
#include <strings.h>

int cli_only_spikes(const char *file)
{
    return !strcasecmp(cli_extension(file), "spk") || !strcasecmp(cli_extension(file), "csv");
}

static const char *cell(const convis_score *s, char text[80])
{
    if (isnan(s->value)) return "-";
    int used = snprintf(text, 80, "%#.4g", s->value);
    if (!isnan(s->low)) snprintf(text + used, 80 - (size_t)used, " [%#.3g, %#.3g]", s->low, s->high);
    return text;
}

void cli_scores_head(cli_table *table, const char *first)
{
    cli_table_row(table, 1 + CONVIS_SCORES, first, "log_likelihood", "bits_per_spike", "correlation", "cc_norm", "feve");
}

void cli_scores_row(cli_table *table, const char *who, const convis_score *s)
{
    char text[CONVIS_SCORES][80];
    cli_table_row(table, 1 + CONVIS_SCORES, who, cell(&s[0], text[0]), cell(&s[1], text[1]), cell(&s[2], text[2]),
                  cell(&s[3], text[3]), cell(&s[4], text[4]));
}
