#include "motefit_kernels.h"

#include <math.h>
#include <string.h>

#include "motefit_dot.h"
#include "motefit_finish.h"

static inline int8_t *repeat(int32_t value, int32_t count, int8_t *to)
{
    for (; count > 0; count--) {
        *to++ = (int8_t)value;
    }
    return to;
}

static inline int8_t *copy(const int8_t *from, int32_t count, int8_t *to)
{
    for (; count >= 4; count -= 4) {
        memcpy(to, from, 4); /* a load and a store */
        from += 4;
        to += 4;
    }
    for (; count > 0; count--) {
        *to++ = *from++;
    }
    return to;
}

/* One row under a window whose taps `bounds` are inside. */
MF_PART static inline int8_t *gather_row(const mf_window *w, const int8_t *row, int32_t left,
                                         const int32_t bounds[2], int8_t *to)
{
    const int32_t channels = w->in_channels, step = w->dilation_width * channels;
    const int32_t taps = bounds[1] - bounds[0];
    const int8_t *from = row + left * channels + bounds[0] * step;
    to = repeat(w->in_zero_point, bounds[0] * channels, to);
    if (w->dilation_width == 1) {
        to = copy(from, taps * channels, to);
    } else {
        for (int32_t j = 0; j < taps; j++) {
            to = copy(from + j * step, channels, to);
        }
    }
    return repeat(w->in_zero_point, (w->kernel_width - bounds[1]) * channels, to);
}

/* The input under a window that lies partly in the padding, or has gaps. */
static void gather(const mf_window *w, const int8_t *x, int32_t top, int32_t left, int8_t *to)
{
    int32_t bounds[2];
    mf_inside(left, w->in_width, w->kernel_width, w->dilation_width, bounds);
    for (int32_t i = 0; i < w->kernel_height; i++) {
        const int32_t row = top + i * w->dilation_height;
        if (row >= 0 && row < w->in_height) {
            to = gather_row(w, x + row * w->in_width * w->in_channels, left, bounds, to);
        } else {
            to = repeat(w->in_zero_point, w->kernel_width * w->in_channels, to);
        }
    }
}

/* The input under the window of an output pixel, zero points in the padding; `copies`: in any case
 * in memory of its own. */
static const int8_t *column(const mf_window *w, const int8_t *x, int32_t pixel, int copies,
                            int8_t *scratch)
{
    const int32_t top = pixel / w->out_width * w->stride_height - w->pad_top;
    const int32_t left = pixel % w->out_width * w->stride_width - w->pad_left;
    const int32_t height = w->kernel_height, width = w->kernel_width;
    if (top < 0 || left < 0 || top + height > w->in_height || left + width > w->in_width ||
        w->dilation_height * w->dilation_width > 1) {
        gather(w, x, top, left, scratch);
        return scratch;
    }
    const int32_t run = width * w->in_channels, row = w->in_width * w->in_channels;
    const int8_t *from = x + top * row + left * w->in_channels;
    if (!copies && (height == 1 || run == row)) {
        return from;
    }
    int8_t *to = scratch;
    for (int32_t i = height; i > 0; i--) {
        to = copy(from, run, to);
        from += row;
    }
    return scratch;
}

/* Up to four pixels in all channels, or four of an odd output. */
static void conv_some(const mf_conv2d_layer *layer, const mf_columns *columns, int32_t depth,
                      int32_t count, int8_t *out)
{
    const int32_t channels = layer->window.out_channels;
    for (int32_t c = 0; c < channels; c++) {
        int32_t sums[4];
        mf_dot_4(columns, layer->weight + c * depth, depth, layer->output.bias[c], sums);
        for (int32_t i = 0; i < count; i++) {
            out[c + i * channels] = mf_finish_up(&layer->output, sums[i], c);
        }
    }
}

/* Four pixels in all channels. A function of its own, so that its loop has the registers. */
MF_ALONE static void conv_4(const mf_conv2d_layer *layer, const mf_columns *columns, int32_t depth,
                            int8_t *out)
{
    const mf_output to = layer->output;
    const mf_columns x = *columns;
    const int32_t channels = layer->window.out_channels;
    const int8_t *row = layer->weight;
    for (int32_t c = 0; c < channels; c++) {
        int32_t sums[4];
        mf_dot_4(&x, row, depth, to.bias[c], sums);
        mf_finish_4(&to, mf_finish_of(&to, c), sums, channels, out);
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
    const int is_pointwise = w->kernel_height * w->kernel_width * w->stride_height *
                                 w->stride_width == 1 && (MF_PACK_COPIES || !in_place);
    for (int32_t pixel = 0; pixel < pixels; pixel += 4) {
        if (pixel + 1 == pixels) {
            const int8_t *last = column(w, x, pixel, in_place, mf_gathered(scratch, depth, 0));
            conv_1(layer, last, depth, out + pixel * channels);
            break;
        }
        mf_columns columns;
        for (int32_t i = 0; i < 4; i++) {
            const int32_t place = mf_min(i, pixels - 1 - pixel); /* the last pixel may repeat */
            const int8_t *from =
                is_pointwise ? x + (pixel + place) * depth
                             : column(w, x, pixel + place, in_place && !MF_PACK_COPIES,
                                      mf_gathered(scratch, depth, i));
            mf_pack(&columns, i, from, depth, scratch);
        }
        if (pixels - pixel < 4 || layer->output.is_odd) {
            conv_some(layer, &columns, depth, mf_min(4, pixels - pixel), out + pixel * channels);
        } else {
            conv_4(layer, &columns, depth, out + pixel * channels);
        }
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

/* The numbers of a channel under a window, in rows; a step is as many bytes as channels. */
typedef struct {
    int32_t start, rows, in_row, step, row_step;
} area;

static area area_of(const mf_window *w, int32_t pixel)
{
    const int32_t top = pixel / w->out_width * w->stride_height - w->pad_top;
    const int32_t left = pixel % w->out_width * w->stride_width - w->pad_left;
    int32_t high[2], wide[2];
    mf_inside(top, w->in_height, w->kernel_height, 1, high);
    mf_inside(left, w->in_width, w->kernel_width, 1, wide);
    area of = {((top + high[0]) * w->in_width + left + wide[0]) * w->in_channels,
               high[1] - high[0], wide[1] - wide[0], w->in_channels,
               w->in_width * w->in_channels};
    if (of.in_row == w->in_width) { /* rows follow each other */
        of.in_row *= of.rows;
        of.rows = of.rows > 0;
    }
    return of;
}

MF_PART static inline int32_t sum_over(area of, const int8_t *x)
{
    int32_t sum = 0;
    for (; of.rows > 0; of.rows--) {
        const int8_t *from = x;
        for (int32_t left = of.in_row; left > 0; left--) {
            sum += *from;
            from += of.step;
        }
        x += of.row_step;
    }
    return sum;
}

void mf_average_pool(const mf_window *window, const int8_t *x, int8_t *out)
{
    const int32_t pixels = window->out_height * window->out_width;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const area of = area_of(window, pixel);
        const int32_t count = of.rows * of.in_row;
        const int8_t *from = x + of.start;
        for (int32_t c = of.step; c > 0; c--) {
            const int32_t sum = sum_over(of, from++);
            const int32_t half = sum < 0 ? -(count / 2) : count / 2;
            *out++ = (int8_t)((sum + half) / count);
        }
    }
}

void mf_mean(const mf_mean_layer *layer, const int8_t *x, int8_t *out)
{
    const mf_window *w = &layer->window;
    for (int32_t pixel = 0; pixel < w->out_height * w->out_width; pixel++) {
        const area of = area_of(w, pixel);
        const int8_t *from = x + of.start;
        for (int32_t c = of.step; c > 0; c--) {
            const int32_t sum = sum_over(of, from++) + layer->before;
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

/* How an operand is rescaled: twice a number, at the common scale's raised units, is
 * number * unit + offset; its product with the mantissa falls by `falls`. */
typedef struct {
    int32_t unit, offset, mantissa, half, falls;
} operand;

/* Vector code's operand falls before its product, so that no digit is lost. */
static operand operand_of(int32_t zero_point, mf_multiplier by, int vector)
{
    const int32_t unit = 1 << (1 + MF_ADD_SHIFT + (vector ? by.exponent : 0));
    const int32_t falls = vector ? 0 : -by.exponent;
    const operand of = {unit, -zero_point * unit, by.mantissa, falls ? 1 << (falls - 1) : 0,
                        falls};
    return of;
}

static inline int32_t rescaled(const operand *of, int32_t number, int falls)
{
    const int32_t high = mf_high_multiply_twice(number * of->unit + of->offset, of->mantissa);
    return falls ? (high + (high >> 31) + of->half) >> of->falls : high;
}

/* One channel of a sum whose second operand is the same for all pixels of a row. */
static inline void add_channel(const mf_binary_layer *layer, const operand *to_a,
                               const operand *to_b, int falls, const int8_t *a, const int8_t *b,
                               int8_t *out)
{
    const operand by = *to_a;
    const int32_t mantissa = layer->scale.mantissa, bits = 1 - layer->scale.exponent;
    const int32_t offset = (1 + 2 * layer->zero_point) * (1 << -layer->scale.exponent);
    const int32_t width = layer->shape[1], step = layer->shape[2];
    for (int32_t i = 0; i < layer->shape[0]; i++) {
        const int32_t twice = 2 * rescaled(to_b, *b, to_b->falls);
        for (int32_t j = width; j > 0; j--) {
            int32_t sum = mf_high_multiply_twice(twice + 2 * rescaled(&by, *a, falls), mantissa);
            sum += sum >> 31; /* halves away from zero */
            *out = (int8_t)mf_saturate((sum * 2 + offset) >> bits);
            a += step;
            out += step;
        }
        b += layer->step_b[0];
    }
}

static void row_add(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    for (int32_t c = 0; c < layer->shape[2]; c++) {
        const int vector = c < layer->vector;
        const operand to_a = operand_of(layer->zero_a, layer->scale_a, vector);
        const operand to_b = operand_of(layer->zero_b, layer->scale_b, vector);
        if (to_a.falls) {
            add_channel(layer, &to_a, &to_b, 1, a + c, b + c, out + c);
        } else {
            add_channel(layer, &to_a, &to_b, 0, a + c, b + c, out + c);
        }
    }
    if (layer->low > INT8_MIN || layer->high < INT8_MAX) {
        const int32_t *shape = layer->shape;
        mf_limit_all(layer->low, layer->high, shape[0] * shape[1] * shape[2], out);
    }
}

void mf_add(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out)
{
    if (layer->is_dense) {
        dense_add(layer, a, b, out);
    } else if (layer->is_row) {
        row_add(layer, a, b, out);
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
