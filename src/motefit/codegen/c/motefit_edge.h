/* Input and output of a network: real numbers on one side, the network's numbers on the other. */
#ifndef MOTEFIT_EDGE_H
#define MOTEFIT_EDGE_H

#include <stdint.h>

typedef struct {
    int8_t *steps; /* int8, or null */
    float *real;   /* float32, or null */
    float scale;
    int32_t zero_point;
} mf_edge;

/* Writes numbers at a place of the input, rounded as LiteRT's QUANTIZE rounds. */
void mf_put(const mf_edge *edge, int32_t place, const float *numbers, int32_t count);

/* Reads one number of the output. */
float mf_get(const mf_edge *edge, int32_t place);

#endif
