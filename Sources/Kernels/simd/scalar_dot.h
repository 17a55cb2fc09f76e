// One product at a time; see igemm/qs8_igemm.h for what these names mean.
#pragma once

#include "scalar.h"

enum { QS8_KR = 1, QS8_INPUT_BIAS = 0 };

typedef int32_t qs8_inputs;
typedef int32_t qs8_weights;

KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) { return *p; }
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) { return (void)n, *p; }
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) { return *p; }
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) { return vs32_add(sums, x * w); }

enum { QS8_DW_VECTORS = 4 };

KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  (void)count;
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) x[v] = v < n ? taps[0][offset + v] : 0;
}
KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) { memcpy(v, block, QS8_DW_VECTORS * sizeof *v); }
KERNEL_INLINE void qs8_dw_store(float *block, const vf32 *v) { memcpy(block, v, QS8_DW_VECTORS * sizeof *v); }
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  pair_store_s8(output, r, scales, sums, n);
  if (n > 2) pair_store_s8(output + 2, r, scales + 2, sums + 2, n - 2);
}
