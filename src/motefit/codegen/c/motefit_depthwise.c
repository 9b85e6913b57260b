/* Depthwise convolutions: planes of a few channels for any window, and one for three taps. */
#include "motefit_dot.h"
#include "motefit_finish.h"
#include "motefit_kernels.h"

/* Lays the numbers of some channels next to each other; the padding is there already. With a
 * dilation of d, number i along the padded input is number i / d of phase i % d. */
static void fill_plane(const mf_depthwise_layer *layer, int32_t lanes, int32_t size,
                       const int8_t *x, mf_number *plane)
{
    const mf_axis *along = &layer->along, *across = &layer->across;
    const int32_t step = along->dilation * along->in_step;
    const int32_t line = along->dilation * layer->length;
    const int32_t stop = mf_min(layer->places, across->in + across->pad);
    for (int32_t phase = 0; phase < along->dilation; phase++) {
        int32_t bounds[2];
        mf_inside(phase - along->pad, along->in, layer->length, along->dilation, bounds);
        const int32_t first = phase - along->pad + bounds[0] * along->dilation;
        const int8_t *from = x + first * along->in_step;
        mf_number *to = plane + (phase * layer->length + bounds[0]) * MF_APART;
        for (int32_t j = across->pad; j < stop; j++) {
            mf_spread(from, step, bounds[1] - bounds[0], lanes, size, to + j * line * MF_APART);
            from += across->in_step;
        }
    }
}

/* Lays the weights of some channels next to each other, one run along after the other. */
static void fill_weights(const mf_depthwise_layer *layer, int32_t lanes, int32_t size,
                         const int8_t *weight, mf_number *to)
{
    const mf_axis *along = &layer->along, *across = &layer->across;
    for (int32_t j = 0; j < across->kernel; j++) {
        mf_spread(weight, along->weight_step, along->kernel, lanes, size, to);
        to += MF_RUN(along->kernel) * MF_APART;
        weight += across->weight_step;
    }
}

/* All pixels of some channels. */
static void depthwise_block(const mf_depthwise_layer *layer, const mf_stencil *stencil,
                            const mf_block *block, const mf_number *plane, int8_t *out)
{
    const mf_axis *along = &layer->along, *across = &layer->across;
    const int32_t d = along->dilation;
    for (int32_t phase = 0; phase < mf_min(d, along->out); phase++) {
        const int32_t start = phase * along->stride;
        const mf_number *x = plane + (start % d * layer->length + start / d) * MF_APART;
        const int32_t count = (along->out - phase + d - 1) / d;
        int8_t *line = out + phase * along->out_step;
        for (int32_t j = 0; j < across->out; j++) {
            mf_line(stencil, block, x, count, d * along->out_step, line);
            x += across->stride * d * layer->length * MF_APART;
            line += across->out_step;
        }
    }
}

void mf_depthwise(const mf_depthwise_layer *layer, const int8_t *x, int16_t *scratch, int8_t *out)
{
    const mf_output to = layer->output;
    const mf_axis *along = &layer->along, *across = &layer->across;
    const int32_t line = along->dilation * layer->length;
    const int32_t weights = across->kernel * MF_RUN(along->kernel);
    const int32_t size = layer->places * line + MF_BEYOND(along->stride);
    mf_number *weight = (mf_number *)scratch, *plane = weight + weights * MF_LANES;
    const mf_stencil stencil = mf_stencil_of(weight, across->kernel, along->kernel,
                                             across->dilation * line, along->stride, size);
    mf_fill(weight, 0, weights * MF_LANES);
    mf_fill(plane, layer->in_zero_point, size * MF_LANES);
    for (int32_t c = 0; c < layer->channels; c += MF_LANES) {
        const int32_t lanes = mf_min(MF_LANES, layer->channels - c);
        const mf_block block = {&to, c, lanes, c >= layer->channels / 8 * 8};
        fill_weights(layer, lanes, weights, layer->weight + c, weight);
        fill_plane(layer, lanes, size, x + c, plane);
        depthwise_block(layer, &stencil, &block, plane, out + c);
    }
}

/* The input under one tap after the other of a line, zero points outside. */
typedef struct {
    int32_t step, first, end, zero_point;
} taps;

static inline int32_t tap(const taps *of, const int8_t *x, int32_t k)
{
    return k >= of->first && k < of->end ? x[k * of->step] : of->zero_point;
}

/* Lines of one channel and one phase of a dilation; a number is read before it is overwritten. */
MF_PART static inline void lines_3(const mf_depthwise_layer *layer, int32_t channel, const taps *of,
                                   const int8_t *x, int32_t stride, int away, int32_t count,
                                   int8_t *out)
{
    const mf_axis *along = &layer->along, *across = &layer->across;
    const int8_t *weight = layer->weight + channel;
    const int32_t u = 2 * weight[0], v = 2 * weight[along->weight_step];
    const int32_t w = 2 * weight[2 * along->weight_step];
    const int32_t bias = 2 * layer->output.bias[channel];
    const mf_finish by = mf_finish_of(&layer->output, channel);
    const int32_t step = of->step, out_step = along->dilation * along->out_step;
    const int32_t whole = of->end < 3 ? 0 : mf_min(count, (of->end - 3) / stride + 1);
    for (int32_t j = across->out; j > 0; j--) {
        const int8_t *next = x + 2 * step;
        int8_t *to = out;
        int32_t a = tap(of, x, 0), b = tap(of, x, 1);
        for (int32_t left = whole; left > 0; left--) {
            if (stride == 2) {
                b = next[-step];
            }
            const int32_t c = *next;
            *to = (int8_t)mf_step_of_twice(bias + a * u + b * v + c * w, by, away);
            a = stride == 2 ? c : b;
            b = c;
            next += stride * step;
            to += out_step;
        }
        for (int32_t i = whole; i < count; i++) {
            if (stride == 2) {
                b = tap(of, x, 2 * i + 1);
            }
            const int32_t c = tap(of, x, stride * i + 2);
            *to = (int8_t)mf_step_of_twice(bias + a * u + b * v + c * w, by, away);
            a = stride == 2 ? c : b;
            b = c;
            to += out_step;
        }
        x += across->stride * across->in_step;
        out += across->out_step;
    }
}

#define MF_LINES_3(name, stride, away)                                                       \
    MF_ALONE static void name(const mf_depthwise_layer *layer, int32_t channel, const taps *of, \
                              const int8_t *x, int32_t count, int8_t *out)                   \
    {                                                                                        \
        lines_3(layer, channel, of, x, stride, away, count, out);                            \
    }
MF_LINES_3(near_up, 1, 0)
MF_LINES_3(near_away, 1, 1)
MF_LINES_3(apart_up, 2, 0)
MF_LINES_3(apart_away, 2, 1)

void mf_depthwise_3(const mf_depthwise_layer *layer, const int8_t *x, int8_t *out)
{
    const mf_output *to = &layer->output;
    const mf_axis *along = &layer->along;
    const int32_t channels = layer->channels, d = along->dilation;
    for (int32_t phase = 0; phase < mf_min(d, along->out); phase++) {
        const int32_t start = phase * along->stride - along->pad;
        const int32_t count = (along->out - phase + d - 1) / d;
        int32_t bounds[2];
        mf_inside(start, along->in, along->in + 3, d, bounds);
        const taps of = {d * along->in_step, bounds[0], bounds[1], layer->in_zero_point};
        const int8_t *from = x + start * along->in_step;
        int8_t *line = out + phase * along->out_step;
        for (int32_t c = 0; c < channels; c++) {
            const int away = c >= channels / 8 * 8 && to->scale[c * to->scale_step].exponent < 0;
            if (along->stride == 1) {
                (away ? near_away : near_up)(layer, c, &of, from + c, count, line + c);
            } else {
                (away ? apart_away : apart_up)(layer, c, &of, from + c, count, line + c);
            }
        }
    }
    if (to->is_narrow) {
        mf_limit_all(to->low, to->high, along->out * layer->across.out * channels, out);
    }
}
