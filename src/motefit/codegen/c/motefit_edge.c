#include "motefit_edge.h"

#include <math.h>
#include <stddef.h>

#define BELOW_HALF 0x1.fffffep-2f /* 0.5 itself would round 0.49999997 up to 1 */

static int8_t step_of(const mf_edge *edge, float number)
{
    const float ratio = number / edge->scale;
    const float whole = truncf(ratio + copysignf(BELOW_HALF, ratio)) + (float)edge->zero_point;
    /* NaN becomes the least step: its conversion to an integer would be undefined */
    return (int8_t)(whole > -128.0f ? (whole < 127.0f ? whole : 127.0f) : -128.0f);
}

void mf_put(const mf_edge *edge, int32_t place, const float *numbers, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (edge->steps != NULL) {
            edge->steps[place + i] = step_of(edge, numbers[i]);
        } else {
            edge->real[place + i] = numbers[i];
        }
    }
}

float mf_get(const mf_edge *edge, int32_t place)
{
    if (edge->steps == NULL) {
        return edge->real[place];
    }
    return (float)(edge->steps[place] - edge->zero_point) * edge->scale;
}
