/* Kernels of int8 and float32 networks, equal to LiteRT's builtin kernels bit for bit (int8).
 *
 * Activations are (height, width, channels), channels fastest; weights are TensorFlow Lite's
 * layouts. No heap, no recursion, no state: each kernel reads its layer's constants and the
 * activations it is given.
 */
#ifndef MOTEFIT_KERNELS_H
#define MOTEFIT_KERNELS_H

#include <stdint.h>

#include "motefit_fixed.h"

#define MF_RANK 3        /* of activations */
#define MF_ADD_SHIFT 20  /* of the operands of a sum */

/* A function of its own, so that a loop has all registers. */
#if defined(__GNUC__)
#define MF_ALONE __attribute__((noinline, unused))
#define MF_PART __attribute__((always_inline)) /* part of its callers, each with its constants */
#else
#define MF_ALONE
#define MF_PART
#endif

/* How int32 sums become int8. */
typedef struct {
    const int32_t *bias;          /* one for each channel, less the input's zero point times weights */
    const mf_multiplier *scale;   /* one for each channel, or one */
    int32_t scale_step;           /* 1: one for each channel; 0: one */
    int32_t zero_point, low, high; /* of the output; the limits include a fused rectifier */
    int32_t is_narrow; /* whether the limits are not those of int8 */
    int32_t is_odd;    /* whether a multiplier is 1 or more, or sums are very large; rare */
} mf_output;

typedef struct {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width, dilation_height, dilation_width;
    int32_t pad_top, pad_left;
    int32_t in_zero_point;
} mf_window;

/* First and one-past-last tap of a window that lies inside the input. */
static inline void mf_inside(int32_t start, int32_t size, int32_t taps, int32_t dilation,
                             int32_t bounds[2])
{
    bounds[0] = start < 0 ? (-start + dilation - 1) / dilation : 0;
    bounds[0] = mf_min(bounds[0], taps);
    bounds[1] = start >= size ? 0 : mf_min(taps, (size - start + dilation - 1) / dilation);
    bounds[1] = mf_max(bounds[1], bounds[0]);
}

typedef struct {
    mf_window window;
    const int8_t *weight; /* (out_channels, kernel_height, kernel_width, in_channels) */
    mf_output output;
} mf_conv2d_layer;

/* One axis of a window: sizes, and bytes between neighbors. */
typedef struct {
    int32_t in, out, kernel, stride, dilation, pad;
    int32_t in_step, out_step, weight_step;
} mf_axis;

typedef struct {
    int32_t channels, in_zero_point;
    mf_axis along, across; /* neighbors along the first are neighbors in a plane */
    int32_t length, places; /* of a plane: numbers of a phase along, and places across */
    const int8_t *weight;  /* (kernel_height, kernel_width, channels) */
    mf_output output;
} mf_depthwise_layer;

typedef struct {
    int32_t inputs, outputs;
    const int8_t *weight; /* (outputs, inputs) */
    mf_output output;
} mf_dense_layer;

/* A mean whose output has its own scale: (sum + before) * scale + after. */
typedef struct {
    mf_window window;
    mf_multiplier scale;
    int32_t before, after;
} mf_mean_layer;

/* Sum or product of two tensors; a step of 0 repeats a size of 1. */
typedef struct {
    int32_t shape[MF_RANK];
    int32_t step_a[MF_RANK], step_b[MF_RANK];
    int32_t zero_a, zero_b;
    mf_multiplier scale_a, scale_b, scale; /* of a sum; of a product only the last */
    int32_t zero_point, low, high;
    int32_t run;         /* numbers that LiteRT's kernel adds in one go */
    int32_t vector;      /* of them, those that its vector code adds */
    int32_t shift_after; /* whether that code shifts after its multiplication */
    int32_t is_dense;    /* whether both operands have the shape of the sum, and usual scales */
    int32_t is_row;      /* whether the second repeats one pixel in each row, and usual scales */
} mf_binary_layer;

/* Copies (outer, inner) bytes between rows of different length. */
typedef struct {
    int32_t outer, inner;
    int32_t from_step, from_start, to_step, to_start;
} mf_copy_layer;

typedef struct {
    int32_t rows, columns;
    const float *powers; /* exp(-scale * i), 256 of them */
    float scale;         /* of the output */
    int32_t zero_point;
} mf_softmax_layer;

typedef struct {
    int32_t count, vector; /* numbers, and those LiteRT's vector code converts */
    float scale, inverse;  /* of a step, and one over it */
    int32_t zero_point;
} mf_convert_layer;

/* TensorFlow Lite's integer LSTM: gates input, forget, cell, output. */
typedef struct {
    int32_t steps, inputs, units;
    const int8_t *weight;            /* (4, units, inputs) */
    const int32_t *bias;             /* (4, units), less zero points */
    const int8_t *recurrent;         /* (4, units, units) */
    const int32_t *recurrent_bias;   /* (4, units): zero points alone */
    mf_multiplier gate[4], recurrent_gate[4];
    mf_multiplier hidden;
    int32_t hidden_zero_point;
    int32_t cell_shift, cell_integer_bits;
} mf_lstm_layer;

/* A dense layer of float32 activations whose weights are float32, or int8 with scales. */
typedef struct {
    int32_t inputs, outputs;
    const float *real;      /* (outputs, inputs), or null */
    const int8_t *steps;    /* (outputs, inputs), or null */
    const float *scale;     /* of the steps: one for each output, or one */
    int32_t scale_step;     /* 1: one for each output; 0: one */
    const float *bias;      /* or null */
    float low, high;        /* of a fused rectifier */
} mf_real_dense_layer;

typedef struct {
    int32_t count;
    float low, high;
} mf_real_add_layer;

/* A convolution's scratch memory holds four columns of int16, and one of int8 if it has padding; a
 * depthwise one's the weights of a channel and its plane, as int16. A depthwise convolution may
 * overwrite its input; so may one of a single pixel with no more outputs than inputs. */
void mf_conv2d(const mf_conv2d_layer *layer, const int8_t *x, uint32_t *scratch, int8_t *out);
void mf_depthwise(const mf_depthwise_layer *layer, const int8_t *x, int16_t *scratch,
                  int8_t *out);
void mf_depthwise_3(const mf_depthwise_layer *layer, const int8_t *x, int8_t *out);
void mf_dense(const mf_dense_layer *layer, const int8_t *x, int8_t *out);
void mf_average_pool(const mf_window *window, const int8_t *x, int8_t *out);
void mf_mean(const mf_mean_layer *layer, const int8_t *x, int8_t *out);
void mf_add(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void mf_product(const mf_binary_layer *layer, const int8_t *a, const int8_t *b, int8_t *out);
void mf_copy(const mf_copy_layer *layer, const int8_t *x, int8_t *out);
void mf_softmax(const mf_softmax_layer *layer, const int8_t *x, int8_t *out);
void mf_quantize(const mf_convert_layer *layer, const float *x, int8_t *out);
void mf_dequantize(const mf_convert_layer *layer, const int8_t *x, float *out);
void mf_lstm(const mf_lstm_layer *layer, const int8_t *x, int16_t *cells, int8_t *out);
void mf_real_dense(const mf_real_dense_layer *layer, const float *x, float *out);
void mf_real_add(const mf_real_add_layer *layer, const float *a, const float *b, float *out);

#endif
