// Depthwise convolution of s8. Needs before it a simd/…_dot.h header, which defines:
// - QS8_KR, QS8_INPUT_BIAS, qs8_inputs, qs8_weights, qs8_load_weights as for igemm/qs8_igemm.h;
// - QS8_DW_VECTORS, vectors of a block;
// - `void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x)`: n channels of a group
//   of `count` ≤ QS8_KR taps, such that qs8_dot with x[v] sums the taps of each channel. Which channel lies where is the
//   packed weights' order too (`block_vectors` of the kernel, docs/kernels.md);
// - `void qs8_dw_load(const float *block, vf32 *v)`: a block's elements in the order of the vectors; `qs8_dw_store(float
//   *block, vf32 *v)` the reverse;
// - `void qs8_dw_store_s8(int8_t *, const qs8_requantization *, const vf32 *scales, const vs32 *sums, size_t n)`: the last
//   step of the first n channels of a block, all when n is larger.
// And, if half a block can be two pixels' (dwconv.h), QS8_DW_PAIRS and
// - `qs8_group_pair(taps, second, count, offset, n, x)`: as qs8_group, the second half of a block from taps[second …];
// - `vf32 vf32_both(vf32)`, `vs32 vs32_both(vs32)`, `qs8_weights qs8_weights_both(qs8_weights)`: the first half twice;
// - `void qs8_dw_store_s8_pair(int8_t *, int8_t *second, …)`: as qs8_dw_store_s8, n of each half.
#pragma once

#ifdef QS8_DW_PAIRS
enum { DW_PAIRS = true };
#else
enum { DW_PAIRS = false };
// Never called.
KERNEL_INLINE vf32 vf32_both(vf32 v) { return v; }
KERNEL_INLINE vs32 vs32_both(vs32 v) { return v; }
KERNEL_INLINE qs8_weights qs8_weights_both(qs8_weights w) { return w; }
KERNEL_INLINE void qs8_group_pair(const int8_t *const *taps, size_t second, size_t count, size_t offset, size_t n,
                                  qs8_inputs *x) {
  (void)second;
  qs8_group(taps, count, offset, n, x);
}
KERNEL_INLINE void qs8_dw_store_s8_pair(int8_t *output, int8_t *second, const qs8_requantization *r,
                                        const vf32 *scales, const vs32 *sums, size_t n) {
  (void)second;
  qs8_dw_store_s8(output, r, scales, sums, n);
}
#endif

enum { DW_KR = QS8_KR, DW_BLOCK = QS8_DW_VECTORS * LANES };

typedef int8_t dw_element;

typedef struct {
  vs32 v[QS8_DW_VECTORS];
} dw_sums;

typedef struct {
  qs8_inputs v[QS8_DW_VECTORS];
} dw_inputs;

typedef struct {
  qs8_weights v[QS8_DW_VECTORS];
} dw_weights;

// What static and dynamic quantization have in common.
typedef struct {
  size_t pixels, channels, taps;
  const int8_t *const *inputs;
  size_t input_step, input_offset;
  const void *weights;
  int32_t head_factor;              // as in igemm/qs8_igemm.h
  const float *multipliers, *bias;  // no bias in static quantization
} dw_shape;

typedef struct {
  vf32 multipliers[QS8_DW_VECTORS];
  vf32 bias[QS8_DW_VECTORS];
} dw_scales;

KERNEL_INLINE dw_inputs dw_load(const int8_t *const *taps, size_t second, size_t count, size_t offset, size_t n) {
  dw_inputs x;
  if (DW_PAIRS && second > 0) {
    qs8_group_pair(taps, second, count, offset, n, x.v);
  } else {
    qs8_group(taps, count, offset, n, x.v);
  }
  return x;
}

KERNEL_INLINE dw_weights dw_load_weights(const int8_t *p) {
  dw_weights w;
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) w.v[v] = qs8_load_weights(p + v * LANES * QS8_KR);
  return w;
}

KERNEL_INLINE dw_sums dw_load_head(const dw_shape *a, const void *block) {
  dw_sums sums;
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) {
    sums.v[v] = vs32_mul(vs32_load((const int32_t *)block + v * LANES), vs32_set(a->head_factor));
  }
  return sums;
}

KERNEL_INLINE dw_sums dw_dot(dw_sums sums, dw_inputs x, dw_weights w) {
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) sums.v[v] = qs8_dot(sums.v[v], x.v[v], w.v[v]);
  return sums;
}

KERNEL_INLINE dw_scales dw_load_scales(const dw_shape *a, size_t channel) {
  dw_scales scales = {0};
  qs8_dw_load(a->multipliers + channel, scales.multipliers);
  if (a->bias) qs8_dw_load(a->bias + channel, scales.bias);
  return scales;
}

KERNEL_INLINE dw_weights dw_both_weights(dw_weights w) {
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) w.v[v] = qs8_weights_both(w.v[v]);
  return w;
}

KERNEL_INLINE dw_sums dw_both_sums(dw_sums sums) {
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) sums.v[v] = vs32_both(sums.v[v]);
  return sums;
}

KERNEL_INLINE dw_scales dw_both_scales(dw_scales scales) {
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) {
    scales.multipliers[v] = vf32_both(scales.multipliers[v]);
    scales.bias[v] = vf32_both(scales.bias[v]);
  }
  return scales;
}

KERNEL_INLINE void qs8_dw_store_static(const void *arguments, const dw_scales *scales, size_t pixel, size_t segment,
                                       size_t channel, size_t n, dw_sums sums) {
  const qs8_dwconv_arguments *a = arguments;
  int8_t *output = a->output + pixel * a->output_stride + channel;
  if (DW_PAIRS && segment > 0) {
    int8_t *second = output + segment * a->output_stride;
    qs8_dw_store_s8_pair(output, second, &a->requantization, scales->multipliers, sums.v, n);
  } else {
    qs8_dw_store_s8(output, &a->requantization, scales->multipliers, sums.v, n);
  }
}

KERNEL_INLINE void qs8_dw_store_dynamic(const void *arguments, const dw_scales *scales, size_t pixel, size_t segment,
                                        size_t channel, size_t n, dw_sums sums) {
  const qs8_f32_dwconv_arguments *a = arguments;
  float *output = a->output + pixel * a->output_stride + channel;
  float partial[DW_BLOCK];
  float *block = n >= DW_BLOCK ? output : partial;
  vf32 y[QS8_DW_VECTORS];
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) {
    y[v] = vf32_add(vf32_mul(vf32_from_s32(sums.v[v]), scales->multipliers[v]), scales->bias[v]);
    y[v] = vf32_clamp(y[v], a->dequantization.minimum, a->dequantization.maximum);
  }
  qs8_dw_store(block, y);
  if (n < DW_BLOCK) memcpy(output, partial, n * sizeof *output);
  if (segment > 0) memcpy(output + segment * a->output_stride, partial + DW_BLOCK / 2, n * sizeof *output);
}

#include "dwconv.h"

KERNEL_INLINE dw_shape qs8_dwconv_shape(const qs8_dwconv_arguments *a) {
  return (dw_shape){.pixels = a->pixels, .channels = a->channels, .taps = a->taps, .inputs = a->inputs,
                    .input_step = a->input_step, .input_offset = a->input_offset, .weights = a->weights,
                    .head_factor = 1, .multipliers = a->requantization.multipliers};
}

KERNEL_INLINE dw_shape qs8_f32_dwconv_shape(const qs8_f32_dwconv_arguments *a) {
  return (dw_shape){.pixels = a->pixels, .channels = a->channels, .taps = a->taps, .inputs = a->inputs,
                    .input_step = a->input_step, .input_offset = a->input_offset, .weights = a->weights,
                    .head_factor = -(a->dequantization.input_zero_point + QS8_INPUT_BIAS),
                    .multipliers = a->dequantization.multipliers, .bias = a->dequantization.bias};
}

// The arguments are copied for the compiler's sake, as in igemm/qs8_igemm.h.

KERNEL_INLINE void qs8_dwconv(const qs8_dwconv_arguments *arguments) {
  const qs8_dwconv_arguments a = *arguments;
  const dw_shape shape = qs8_dwconv_shape(&a);
  dw_any(&shape, &a, qs8_dw_store_static);
}

KERNEL_INLINE void qs8_dwconv_window(const qs8_dwconv_arguments *arguments, size_t height, size_t width) {
  const qs8_dwconv_arguments a = *arguments;
  const dw_shape shape = qs8_dwconv_shape(&a);
  dw_window(&shape, &a, qs8_dw_store_static, height, width);
}

KERNEL_INLINE void qs8_f32_dwconv(const qs8_f32_dwconv_arguments *arguments) {
  const qs8_f32_dwconv_arguments a = *arguments;
  const dw_shape shape = qs8_f32_dwconv_shape(&a);
  dw_any(&shape, &a, qs8_dw_store_dynamic);
}

KERNEL_INLINE void qs8_f32_dwconv_window(const qs8_f32_dwconv_arguments *arguments, size_t height, size_t width) {
  const qs8_f32_dwconv_arguments a = *arguments;
  const dw_shape shape = qs8_f32_dwconv_shape(&a);
  dw_window(&shape, &a, qs8_dw_store_dynamic, height, width);
}
