// Depthwise convolution in f32. Needs a simd/ header and `F32_DW_VECTORS`, vectors of a block, before it.
#pragma once

enum { DW_KR = 1, DW_BLOCK = F32_DW_VECTORS * LANES, DW_PAIRS = false };

typedef float dw_element;

typedef struct {
  vf32 v[F32_DW_VECTORS];
} dw_sums;

typedef dw_sums dw_inputs;
typedef dw_sums dw_weights;

typedef f32_dwconv_arguments dw_shape;

// The epilogue has no constants per channel.
typedef struct {
  char none;
} dw_scales;

KERNEL_INLINE dw_scales dw_load_scales(const dw_shape *a, size_t channel) {
  (void)a, (void)channel;
  return (dw_scales){0};
}

KERNEL_INLINE dw_inputs dw_load(const float *const *taps, size_t second, size_t count, size_t offset, size_t n) {
  (void)second, (void)count;
  const float *p = taps[0] + offset;
  dw_inputs x;
  UNROLL for (size_t v = 0; v < F32_DW_VECTORS; v++) {
    if (n >= (v + 1) * LANES) {
      x.v[v] = vf32_load(p + v * LANES);
    } else {
      x.v[v] = n > v * LANES ? vf32_load_n(p + v * LANES, n - v * LANES) : vf32_set(0);
    }
  }
  return x;
}

KERNEL_INLINE dw_weights dw_load_weights(const float *p) {
  dw_weights w;
  UNROLL for (size_t v = 0; v < F32_DW_VECTORS; v++) w.v[v] = vf32_load(p + v * LANES);
  return w;
}

KERNEL_INLINE dw_sums dw_load_head(const dw_shape *a, const void *block) { return (void)a, dw_load_weights(block); }

KERNEL_INLINE dw_sums dw_dot(dw_sums sums, dw_inputs x, dw_weights w) {
  UNROLL for (size_t v = 0; v < F32_DW_VECTORS; v++) sums.v[v] = vf32_fma(x.v[v], w.v[v], sums.v[v]);
  return sums;
}

KERNEL_INLINE dw_weights dw_both_weights(dw_weights w) { return w; }
KERNEL_INLINE dw_sums dw_both_sums(dw_sums sums) { return sums; }
KERNEL_INLINE dw_scales dw_both_scales(dw_scales scales) { return scales; }

KERNEL_INLINE void f32_dw_store(const void *arguments, const dw_scales *scales, size_t pixel, size_t segment,
                                size_t channel, size_t n, dw_sums sums) {
  (void)scales, (void)segment;
  const f32_dwconv_arguments *a = arguments;
  float *output = a->output + pixel * a->output_stride + channel;
  UNROLL for (size_t v = 0; v < F32_DW_VECTORS; v++) {
    const vf32 y = vf32_clamp(sums.v[v], a->minimum, a->maximum);
    if (n >= (v + 1) * LANES) {
      vf32_store(output + v * LANES, y);
    } else if (n > v * LANES) {
      vf32_store_n(output + v * LANES, y, n - v * LANES);
    }
  }
}

#include "dwconv.h"

KERNEL_INLINE void f32_dwconv(const f32_dwconv_arguments *a) { dw_any(a, a, f32_dw_store); }

KERNEL_INLINE void f32_dwconv_window(const f32_dwconv_arguments *a, size_t height, size_t width) {
  dw_window(a, a, f32_dw_store, height, width);
}
