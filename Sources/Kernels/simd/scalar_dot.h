// s8 products of the scalar tier, two at a time: in the compiler's own vectors where its target has some, or else one lane at a
// time, in the same layout. See igemm/qs8_igemm.h and dwconv/qs8_dwconv.h for what these names mean.
#pragma once

#include "../target.h"

#if KERNELS_X86 || defined(__ARM_NEON)
#include "portable_dot.h"
#else
#include "scalar.h"

enum { QS8_KR = 2, QS8_INPUT_BIAS = 0 };

typedef struct {
  int32_t a, b;
} qs8_inputs;
typedef qs8_inputs qs8_weights;

KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) { return (qs8_inputs){p[0], p[1]}; }
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) { return (void)n, (qs8_inputs){p[0], 0}; }
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) { return (qs8_weights){p[0], p[1]}; }
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) {
  return vs32_add(vs32_add(sums, x.a * w.a), x.b * w.b);
}

enum { QS8_DW_VECTORS = 8 };

KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  UNROLL for (size_t v = 0; v < QS8_DW_VECTORS; v++) {
    x[v].a = v < n ? taps[0][offset + v] : 0;
    x[v].b = v < n && count > 1 ? taps[1][offset + v] : 0;
  }
}
KERNEL_INLINE void qs8_dw_load(const float *block, vf32 *v) { memcpy(v, block, QS8_DW_VECTORS * sizeof *v); }
KERNEL_INLINE void qs8_dw_store(float *block, const vf32 *v) { memcpy(block, v, QS8_DW_VECTORS * sizeof *v); }
KERNEL_INLINE void qs8_dw_store_s8(int8_t *output, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                   size_t n) {
  for (size_t v = 0; v < QS8_DW_VECTORS && v < n; v += 2) pair_store_s8(output + v, r, scales + v, sums + v, n - v);
}
#endif
