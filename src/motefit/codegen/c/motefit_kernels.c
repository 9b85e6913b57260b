#include "motefit_kernels.h"

#include <math.h>
#include <string.h>

#include "motefit_dot.h"

/* A sum at the output's scale, halves up. */
static inline int32_t scaled_up(int32_t sum, mf_multiplier by)
{
    if (by.exponent >= 0) { /* rare: the output's scale is finer than the products' */
        return mf_multiply_up(sum, by);
    }
    return ((mf_high_multiply_sum(sum, by.mantissa) >> (-1 - by.exponent)) + 1) >> 1;
}

static inline int8_t limited(const mf_output *to, int32_t scaled)
{
    return (int8_t)mf_clamp(scaled + to->zero_point, to->low, to->high);
}

static inline int8_t finish_up(const mf_output *to, int32_t sum, int32_t channel)
{
    return limited(to, scaled_up(sum, to->scale[channel * to->scale_step]));
}

static inline int8_t finish_away(const mf_output *to, int32_t sum, int32_t channel)
{
    return limited(to, mf_multiply_away(sum, to->scale[channel * to->scale_step]));
}

/* Whether the input under a whole window is one run of bytes. */
static int is_contiguous(const mf_window *w, int32_t top, int32_t left)
{
    const int inside = top >= 0 && left >= 0 && top + w->kernel_height <= w->in_height &&
                       left + w->kernel_width <= w->in_width;
    const int one_row = w->kernel_height == 1 || w->kernel_width == w->in_width;
    return inside && one_row && w->dilation_height == 1 && w->dilation_width == 1;
}

/* The input under the window of an output pixel, zero points in the padding. */
static const int8_t *column(const mf_window *w, const int8_t *x, int32_t pixel, int8_t *scratch)
{
    const int32_t top = pixel / w->out_width * w->stride_height - w->pad_top;
    const int32_t left = pixel % w->out_width * w->stride_width - w->pad_left;
    const int32_t channels = w->in_channels;
    if (is_contiguous(w, top, left)) {
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

/* Outputs of two pixels in one channel. */
static inline void finish_pair(const mf_output *to, const int32_t sums[2], int32_t channel,
                               int8_t *out0, int8_t *out1)
{
    const mf_multiplier by = to->scale[channel * to->scale_step];
    const int32_t bias = to->bias[channel];
    out1[channel] = limited(to, scaled_up(bias + sums[1], by));
    out0[channel] = limited(to, scaled_up(bias + sums[0], by));
}

void mf_conv2d(const mf_conv2d_layer *layer, const int8_t *x, uint32_t *scratch, int8_t *out)
{
    const mf_window *w = &layer->window;
    const mf_output to = layer->output;
    const int32_t depth = w->kernel_height * w->kernel_width * w->in_channels;
    const int32_t channels = w->out_channels, pixels = w->out_height * w->out_width;
    int8_t *gathered = (int8_t *)(scratch + depth / 4 * 4 + depth % 4 * 2);
    for (int32_t pixel = 0; pixel < pixels; pixel += 2) {
        const int both = pixel + 1 < pixels;
        const int8_t *x0 = column(w, x, pixel, gathered);
        const int8_t *x1 = both ? column(w, x, pixel + 1, gathered + depth) : x0;
        const mf_columns pair = mf_pack(x0, x1, depth, scratch);
        int8_t *out0 = out + pixel * channels;
        int8_t *out1 = both ? out0 + channels : out0;
        const int8_t *row = layer->weight;
        int32_t sums[4];
        int32_t c = 0;
        for (; c + 1 < channels; c += 2) {
            mf_dot_2x2(pair, row, row + depth, depth, sums);
            const int32_t first[2] = {sums[0], sums[2]}, second[2] = {sums[1], sums[3]};
            finish_pair(&to, first, c, out0, out1);
            finish_pair(&to, second, c + 1, out0, out1);
            row += 2 * depth;
        }
        if (c < channels) {
            const int32_t last[2] = {mf_dot(x0, row, depth), mf_dot(x1, row, depth)};
            finish_pair(&to, last, c, out0, out1);
        }
    }
}

/* First and one-past-last tap of a window that lies inside the input. */
static void inside(int32_t start, int32_t size, int32_t taps, int32_t dilation, int32_t bounds[2])
{
    bounds[0] = start < 0 ? (-start + dilation - 1) / dilation : 0;
    bounds[1] = start >= size ? 0 : mf_min(taps, (size - start + dilation - 1) / dilation);
}

/* Lists the taps under a window that lie inside the input: from the first channel of each. */
static int32_t list_taps(const mf_depthwise_layer *layer, int32_t pixel, mf_tap *list)
{
    const mf_window *w = &layer->window;
    const int32_t top = pixel / w->out_width * w->stride_height - w->pad_top;
    const int32_t left = pixel % w->out_width * w->stride_width - w->pad_left;
    int32_t high[2], wide[2], count = 0;
    inside(top, w->in_height, w->kernel_height, w->dilation_height, high);
    inside(left, w->in_width, w->kernel_width, w->dilation_width, wide);
    for (int32_t i = high[0]; i < high[1]; i++) {
        const int32_t line = (top + i * w->dilation_height) * w->in_width + left;
        for (int32_t j = wide[0]; j < wide[1]; j++) {
            list[count].x = (line + j * w->dilation_width) * w->in_channels;
            list[count].weight = (i * w->kernel_width + j) * w->in_channels;
            count++;
        }
    }
    return count;
}

void mf_depthwise(const mf_depthwise_layer *layer, const int8_t *x, mf_tap *list, int8_t *out)
{
    const mf_window *w = &layer->window;
    const mf_output to = layer->output;
    const int32_t channels = w->in_channels, offset = -w->in_zero_point;
    const int32_t vector = channels / 8 * 8; /* the others are rounded by LiteRT's scalar code */
    for (int32_t pixel = 0; pixel < w->out_height * w->out_width; pixel++) {
        const mf_tap *end = list + list_taps(layer, pixel, list);
        int32_t c = 0;
        for (; c < vector; c += 4) {
            const int8_t *from = x + c, *weight = layer->weight + c;
            const int32_t *bias = to.bias + c;
            int32_t sums[4] = {bias[0], bias[1], bias[2], bias[3]};
            for (const mf_tap *tap = list; tap != end; tap++) {
                mf_multiply_4(from + tap->x, weight + tap->weight, offset, sums);
            }
            out[0] = finish_up(&to, sums[0], c);
            out[1] = finish_up(&to, sums[1], c + 1);
            out[2] = finish_up(&to, sums[2], c + 2);
            out[3] = finish_up(&to, sums[3], c + 3);
            out += 4;
        }
        for (; c < channels; c++) {
            int32_t sum = to.bias[c];
            for (const mf_tap *tap = list; tap != end; tap++) {
                sum += (x[tap->x + c] + offset) * layer->weight[tap->weight + c];
            }
            *out++ = finish_away(&to, sum, c);
        }
    }
}

void mf_dense(const mf_dense_layer *layer, const int8_t *x, int8_t *out)
{
    for (int32_t i = 0; i < layer->outputs; i++) {
        const int8_t *row = layer->weight + i * layer->inputs;
        const int32_t sum = layer->output.bias[i] + mf_dot(x, row, layer->inputs);
        out[i] = finish_up(&layer->output, sum, i);
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
    for (int32_t i = high[0]; i < high[1]; i++) {
        for (int32_t j = wide[0]; j < wide[1]; j++) {
            sum += x[((top + i) * w->in_width + left + j) * w->in_channels];
        }
    }
    *count = (high[1] - high[0]) * (wide[1] - wide[0]);
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

#define ADD_SHIFT 20

static int32_t rescale(int32_t centered, mf_multiplier by, int vector, int32_t shift_after)
{
    const int32_t raised = centered * (1 << ADD_SHIFT);
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

void mf_add(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    pairwise(layer, a, b, out, sum_of);
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
