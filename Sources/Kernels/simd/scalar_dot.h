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

KERNEL_INLINE qs8_inputs qs8_interleave(const int8_t *const *taps, size_t offset) { return taps[0][offset]; }
KERNEL_INLINE qs8_inputs qs8_interleave_n(const int8_t *const *taps, size_t offset, size_t n) {
  return (void)n, taps[0][offset];
}
