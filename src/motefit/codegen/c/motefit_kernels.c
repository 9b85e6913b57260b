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

/* Four pixels in all channels. A function of its own, so that its loop has the registers. */
MF_ALONE static void conv_4(const mf_conv2d_layer *layer, const mf_columns *columns,
                   const int32_t places[4], int8_t *out)
{
    const mf_output to = layer->output;
    const mf_window *w = &layer->window;
    const int32_t depth = w->kernel_height * w->kernel_width * w->in_channels;
    const int32_t channels = w->out_channels;
    const int8_t *row = layer->weight;
    for (int32_t c = 0; c < channels; c++) {
        int32_t sums[4];
        mf_dot_4(columns, row, depth, to.bias[c], sums);
        if (to.is_odd) {
            for (int32_t i = 0; i < 4; i++) {
                out[c + places[i]] = finish_up(&to, sums[i], c);
            }
        } else {
            mf_finish_4(&to, sums, c, places, out + c);
        }
        row += depth;
    }
}

/* One pixel in all channels. */
static void conv_1(const mf_conv2d_layer *layer, const int8_t *x, int32_t depth, int8_t *out)
{
    const mf_output to = layer->output;
    const int8_t *row = layer->weight;
    for (int32_t c = 0; c < layer->window.out_channels; c++) {
        out[c] = finish_up(&to, to.bias[c] + mf_dot(x, row, depth), c);
        row += depth;
    }
}

void mf_conv2d(const mf_conv2d_layer *layer, const int8_t *x, uint32_t *scratch, int8_t *out)
{
    const mf_window *w = &layer->window;
    const int32_t depth = w->kernel_height * w->kernel_width * w->in_channels;
    const int32_t channels = w->out_channels, pixels = w->out_height * w->out_width;
    for (int32_t pixel = 0; pixel < pixels; pixel += 4) {
        if (pixel + 1 == pixels) {
            const int8_t *last = column(w, x, pixel, mf_gathered(scratch, depth, 0));
            conv_1(layer, last, depth, out + pixel * channels);
            break;
        }
        mf_columns columns;
        int32_t places[4];
        for (int32_t i = 0; i < 4; i++) {
            const int32_t place = mf_min(i, pixels - 1 - pixel); /* the last pixel may repeat */
            int8_t *gathered = mf_gathered(scratch, depth, i);
            mf_pack(&columns, i, column(w, x, pixel + place, gathered), depth, scratch);
            places[i] = place * channels;
        }
        conv_4(layer, &columns, places, out + pixel * channels);
    }
}

/* First and one-past-last tap of a window that lies inside the input. */
static void inside(int32_t start, int32_t size, int32_t taps, int32_t dilation, int32_t bounds[2])
{
    bounds[0] = start < 0 ? (-start + dilation - 1) / dilation : 0;
    bounds[1] = start >= size ? 0 : mf_min(taps, (size - start + dilation - 1) / dilation);
}

/* Lists the taps of a window for output pixels of one column: all rows of the kernel, and of each
 * row what lies inside the input. Returns how many are in a row. */
static int32_t list_taps(const mf_window *w, int32_t left, mf_tap *list)
{
    int32_t wide[2];
    inside(left, w->in_width, w->kernel_width, w->dilation_width, wide);
    for (int32_t i = 0; i < w->kernel_height; i++) {
        const int32_t line = i * w->dilation_height * w->in_width;
        for (int32_t j = wide[0]; j < wide[1]; j++) {
            list->x = (line + j * w->dilation_width) * w->in_channels;
            list->weight = (i * w->kernel_width + j) * w->in_channels;
            list++;
        }
    }
    return mf_max(wide[1] - wide[0], 0);
}

/* All channels of one output pixel. */
MF_ALONE static void depthwise_pixel(const mf_output *to, const mf_window *w, const int8_t *weight,
                            const int8_t *x, const mf_tap *first, const mf_tap *end, int8_t *out)
{
    const int32_t channels = w->in_channels, offset = -w->in_zero_point;
    const int32_t vector = channels / 8 * 8; /* the others are rounded by LiteRT's scalar code */
    int32_t c = 0;
    for (; c < vector && !to->is_odd; c += 8) {
        mf_depthwise_8(to, c, x, weight, first, end, offset, out);
    }
    for (; c < channels; c++) {
        int32_t sum = to->bias[c];
        for (const mf_tap *tap = first; tap != end; tap++) {
            sum += (x[tap->x + c] + offset) * weight[tap->weight + c];
        }
        out[c] = c < vector ? finish_up(to, sum, c) : finish_away(to, sum, c);
    }
}

void mf_depthwise(const mf_depthwise_layer *layer, const int8_t *x, mf_tap *list, int8_t *out)
{
    const mf_window w = layer->window;
    const mf_output to = layer->output;
    for (int32_t j = 0; j < w.out_width; j++) {
        const int32_t left = j * w.stride_width - w.pad_left;
        const int32_t in_row = list_taps(&w, left, list);
        for (int32_t i = 0; i < w.out_height; i++) {
            const int32_t top = i * w.stride_height - w.pad_top;
            int32_t high[2];
            inside(top, w.in_height, w.kernel_height, w.dilation_height, high);
            const mf_tap *first = list + high[0] * in_row;
            const mf_tap *end = high[1] > high[0] ? list + high[1] * in_row : first;
            const int32_t start = (top * w.in_width + left) * w.in_channels;
            depthwise_pixel(&to, &w, layer->weight, x + start, first, end,
                            out + (i * w.out_width + j) * w.in_channels);
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
