#include "motefit_kernels.h"

#include <math.h>
#include <string.h>

#include "motefit_dot.h"
#include "motefit_finish.h"

/* Whether the input under a whole window is one run of bytes. */
static int is_contiguous(const mf_window *w, int32_t top, int32_t left)
{
    const int inside = top >= 0 && left >= 0 && top + w->kernel_height <= w->in_height &&
                       left + w->kernel_width <= w->in_width;
    const int one_row = w->kernel_height == 1 || w->kernel_width == w->in_width;
    return inside && one_row && w->dilation_height == 1 && w->dilation_width == 1;
}

/* The input under the window of an output pixel, zero points in the padding; `copies`: in any case
 * in memory of its own. */
static const int8_t *column(const mf_window *w, const int8_t *x, int32_t pixel, int copies,
                            int8_t *scratch)
{
    const int32_t top = pixel / w->out_width * w->stride_height - w->pad_top;
    const int32_t left = pixel % w->out_width * w->stride_width - w->pad_left;
    const int32_t channels = w->in_channels;
    if (!copies && is_contiguous(w, top, left)) {
        return x + (top * w->in_width + left) * channels;
    }
    int8_t *to = scratch;
    for (int32_t i = 0; i < w->kernel_height; i++) {
        const int32_t row = top + i * w->dilation_height;
        for (int32_t j = 0; j < w->kernel_width; j++) {
            const int32_t place = left + j * w->dilation_width;
            if (row >= 0 && row < w->in_height && place >= 0 && place < w->in_width) {
                memcpy(to, x + (row * w->in_width + place) * channels, (size_t)channels);
            } else {
                memset(to, (int)w->in_zero_point, (size_t)channels);
            }
            to += channels;
        }
    }
    return scratch;
}

/* Up to four pixels in all channels. A function of its own, so that its loop has the registers. */
MF_ALONE static void conv_4(const mf_conv2d_layer *layer, const mf_columns *columns, int32_t count,
                            int8_t *out)
{
    const mf_output to = layer->output;
    const mf_window *w = &layer->window;
    const int32_t depth = w->kernel_height * w->kernel_width * w->in_channels;
    const int32_t channels = w->out_channels;
    const int some = count < 4 || to.is_odd;
    const int8_t *row = layer->weight;
    for (int32_t c = 0; c < channels; c++) {
        int32_t sums[4];
        mf_dot_4(columns, row, depth, to.bias[c], sums);
        if (some) {
            for (int32_t i = 0; i < count; i++) {
                out[i * channels] = mf_finish_up(&to, sums[i], c);
            }
        } else {
            mf_finish_4(&to, mf_finish_of(&to, c), sums, channels, out);
        }
        out++;
        row += depth;
    }
}

/* One pixel in all channels. */
static void conv_1(const mf_conv2d_layer *layer, const int8_t *x, int32_t depth, int8_t *out)
{
    const mf_output to = layer->output;
    const int8_t *row = layer->weight;
    for (int32_t c = 0; c < layer->window.out_channels; c++) {
        out[c] = mf_finish_up(&to, to.bias[c] + mf_dot(x, row, depth), c);
        row += depth;
    }
}

void mf_conv2d(const mf_conv2d_layer *layer, const int8_t *x, uint32_t *scratch, int8_t *out)
{
    const mf_window *w = &layer->window;
    const int32_t depth = w->kernel_height * w->kernel_width * w->in_channels;
    const int32_t channels = w->out_channels, pixels = w->out_height * w->out_width;
    const int in_place = x == out;
    for (int32_t pixel = 0; pixel < pixels; pixel += 4) {
        if (pixel + 1 == pixels) {
            const int8_t *last = column(w, x, pixel, in_place, mf_gathered(scratch, depth, 0));
            conv_1(layer, last, depth, out + pixel * channels);
            break;
        }
        mf_columns columns;
        for (int32_t i = 0; i < 4; i++) {
            const int32_t place = mf_min(i, pixels - 1 - pixel); /* the last pixel may repeat */
            int8_t *gathered = mf_gathered(scratch, depth, i);
            const int8_t *from =
                column(w, x, pixel + place, in_place && !MF_PACK_COPIES, gathered);
            mf_pack(&columns, i, from, depth, scratch);
        }
        conv_4(layer, &columns, mf_min(4, pixels - pixel), out + pixel * channels);
    }
}

/* First and one-past-last tap of a window that lies inside the input. */
static void inside(int32_t start, int32_t size, int32_t taps, int32_t dilation, int32_t bounds[2])
{
    bounds[0] = start < 0 ? (-start + dilation - 1) / dilation : 0;
    bounds[1] = start >= size ? 0 : mf_min(taps, (size - start + dilation - 1) / dilation);
}

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
        inside(phase - along->pad, along->in, layer->length, along->dilation, bounds);
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

void mf_dense(const mf_dense_layer *layer, const int8_t *x, int8_t *out)
{
    for (int32_t i = 0; i < layer->outputs; i++) {
        const int8_t *row = layer->weight + i * layer->inputs;
        const int32_t sum = layer->output.bias[i] + mf_dot(x, row, layer->inputs);
        out[i] = mf_finish_up(&layer->output, sum, i);
    }
}

/* Sum of one channel under a window, and how many numbers are in it. */
static int32_t window_sum(const mf_window *w, const int8_t *x, int32_t pixel, int32_t *count)
{
    const int32_t top = pixel / w->out_width * w->stride_height - w->pad_top;
    const int32_t left = pixel % w->out_width * w->stride_width - w->pad_left;
    int32_t high[2], wide[2], sum = 0;
    inside(top, w->in_height, w->kernel_height, 1, high);
    inside(left, w->in_width, w->kernel_width, 1, wide);
    int32_t rows = high[1] - high[0], in_row = wide[1] - wide[0];
    *count = rows * in_row;
    if (in_row == w->in_width) { /* rows follow each other */
        in_row *= rows;
        rows = rows > 0;
    }
    const int32_t channels = w->in_channels;
    for (int32_t i = 0; i < rows; i++) {
        const int8_t *from = x + ((top + high[0] + i) * w->in_width + left + wide[0]) * channels;
        for (int32_t j = 0; j < in_row; j++) {
            sum += *from;
            from += channels;
        }
    }
    return sum;
}

void mf_average_pool(const mf_window *window, const int8_t *x, int8_t *out)
{
    const int32_t pixels = window->out_height * window->out_width;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        for (int32_t c = 0; c < window->in_channels; c++) {
            int32_t count;
            const int32_t sum = window_sum(window, x + c, pixel, &count);
            const int32_t half = sum < 0 ? -(count / 2) : count / 2;
            *out++ = (int8_t)((sum + half) / count);
        }
    }
}

void mf_mean(const mf_mean_layer *layer, const int8_t *x, int8_t *out)
{
    const mf_window *w = &layer->window;
    for (int32_t pixel = 0; pixel < w->out_height * w->out_width; pixel++) {
        for (int32_t c = 0; c < w->in_channels; c++) {
            int32_t count;
            const int32_t sum = window_sum(w, x + c, pixel, &count) + layer->before;
            const int32_t mean = mf_multiply_away(sum, layer->scale) + layer->after;
            *out++ = (int8_t)mf_clamp(mean, INT8_MIN, INT8_MAX);
        }
    }
}

static int32_t rescale(int32_t centered, mf_multiplier by, int vector, int32_t shift_after)
{
    const int32_t raised = centered * (1 << MF_ADD_SHIFT);
    if (!vector) {
        return mf_multiply_away(raised, by);
    }
    return shift_after ? mf_high_multiply(raised, by.mantissa) >> -by.exponent
                       : mf_high_multiply(raised >> -by.exponent, by.mantissa);
}

static int8_t sum_of(const mf_binary_layer *layer, int32_t a, int32_t b, int vector)
{
    const int32_t total =
        rescale(a - layer->zero_a, layer->scale_a, vector, layer->shift_after) +
        rescale(b - layer->zero_b, layer->scale_b, vector, layer->shift_after);
    int32_t value = mf_multiply_away(total, layer->scale) + layer->zero_point;
    if (vector) {
        value = (int16_t)value; /* wraps around where the output's scale is far too small */
    }
    return (int8_t)mf_clamp(value, layer->low, layer->high);
}

static int8_t product_of(const mf_binary_layer *layer, int32_t a, int32_t b, int vector)
{
    const int32_t product = (a - layer->zero_a) * (b - layer->zero_b);
    (void)vector;
    const int32_t value = mf_multiply_away(product, layer->scale) + layer->zero_point;
    return (int8_t)mf_clamp(value, layer->low, layer->high);
}

static inline void pairwise(const mf_binary_layer *layer, const int8_t *a, const int8_t *b,
                            int8_t *out,
                            int8_t (*operation)(const mf_binary_layer *, int32_t, int32_t, int))
{
    int32_t place = 0;
    for (int32_t i = 0; i < layer->shape[0]; i++) {
        for (int32_t j = 0; j < layer->shape[1]; j++) {
            const int8_t *from_a = a + i * layer->step_a[0] + j * layer->step_a[1];
            const int8_t *from_b = b + i * layer->step_b[0] + j * layer->step_b[1];
            for (int32_t k = 0; k < layer->shape[2]; k++) {
                *out++ = operation(layer, *from_a, *from_b, place < layer->vector);
                place = place + 1 == layer->run ? 0 : place + 1;
                from_a += layer->step_a[2];
                from_b += layer->step_b[2];
            }
        }
    }
}

MF_ALONE static void add_run(const mf_binary_layer *layer, const int8_t *a, const int8_t *b,
                             int8_t *out)
{
    mf_add_run(layer, a, b, layer->vector, out);
}

/* Sums of operands of the same shape, run by run. */
static void dense_add(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    const int32_t count = layer->shape[0] * layer->shape[1] * layer->shape[2];
    for (int32_t start = 0; start < count; start += layer->run) {
        add_run(layer, a + start, b + start, out + start);
        for (int32_t i = start + layer->vector; i < start + layer->run; i++) {
            out[i] = sum_of(layer, a[i], b[i], 0);
        }
    }
}

void mf_add(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    if (layer->is_dense) {
        dense_add(layer, a, b, out);
    } else {
        pairwise(layer, a, b, out, sum_of);
    }
}

void mf_product(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    pairwise(layer, a, b, out, product_of);
}

void mf_copy(const mf_copy_layer *layer, const int8_t *x, int8_t *out)
{
    for (int32_t i = 0; i < layer->outer; i++) {
        const int8_t *from = x + i * layer->from_step + layer->from_start;
        memmove(out + i * layer->to_step + layer->to_start, from, (size_t)layer->inner);
    }
}

void mf_softmax(const mf_softmax_layer *layer, const int8_t *x, int8_t *out)
{
    for (int32_t row = 0; row < layer->rows; row++) {
        int32_t greatest = INT8_MIN;
        for (int32_t i = 0; i < layer->columns; i++) {
            greatest = mf_max(greatest, x[i]);
        }
        float total = 0.0f;
        for (int32_t i = 0; i < layer->columns; i++) {
            total += layer->powers[greatest - x[i]];
        }
        const float inverse = 1.0f / (total * layer->scale);
        for (int32_t i = 0; i < layer->columns; i++) {
            const int32_t steps = (int32_t)lrintf(layer->powers[greatest - x[i]] * inverse);
            out[i] = (int8_t)mf_clamp(steps + layer->zero_point, INT8_MIN, INT8_MAX);
        }
        x += layer->columns;
        out += layer->columns;
    }
}

void mf_quantize(const mf_convert_layer *layer, const float *x, int8_t *out)
{
    for (int32_t i = 0; i < layer->count; i++) {
        const double steps = i < layer->vector ? (double)rintf(x[i] * layer->inverse)
                                               : round((double)x[i] / (double)layer->scale);
        int32_t whole = INT32_MIN; /* what both conversions give beyond int32 */
        if (steps > -2147483648.0 && steps < 2147483648.0) {
            whole = (int32_t)steps;
        }
        const int32_t value = (int32_t)((uint32_t)whole + (uint32_t)layer->zero_point);
        out[i] = (int8_t)mf_clamp(value, INT8_MIN, INT8_MAX);
    }
}

void mf_dequantize(const mf_convert_layer *layer, const int8_t *x, float *out)
{
    const float offset = (float)-layer->zero_point * layer->scale;
    for (int32_t i = 0; i < layer->count; i++) {
        if (i < layer->vector) {
            const float product = (float)x[i] * layer->scale;
            out[i] = product + offset;
        } else {
            out[i] = (float)(x[i] - layer->zero_point) * layer->scale;
        }
    }
}

static inline float limit(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

void mf_real_dense(const mf_real_dense_layer *layer, const float *x, float *out)
{
    for (int32_t i = 0; i < layer->outputs; i++) {
        float sum = 0.0f;
        if (layer->steps != NULL) {
            const int8_t *row = layer->steps + i * layer->inputs;
            const float scale = layer->scale[i * layer->scale_step];
            for (int32_t j = 0; j < layer->inputs; j++) {
                sum += x[j] * ((float)row[j] * scale);
            }
        } else {
            const float *row = layer->real + i * layer->inputs;
            for (int32_t j = 0; j < layer->inputs; j++) {
                sum += x[j] * row[j];
            }
        }
        if (layer->bias != NULL) {
            sum += layer->bias[i];
        }
        out[i] = limit(sum, layer->low, layer->high);
    }
}

void mf_real_add(const mf_real_add_layer *layer, const float *a, const float *b, float *out)
{
    for (int32_t i = 0; i < layer->count; i++) {
        out[i] = limit(a[i] + b[i], layer->low, layer->high);
    }
}
