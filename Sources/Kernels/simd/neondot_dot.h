// s8 products by sdot, four at a time. See igemm/qs8_igemm.h and dwconv/qs8_dwconv.h for what these names mean.
#pragma once

#include "neon.h"

enum { QS8_KR = 4, QS8_INPUT_BIAS = 0 };

typedef int8x16_t qs8_inputs;   // [4 lanes][4]
typedef int8x16_t qs8_weights;

KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) {
  uint32_t four;
  memcpy(&four, p, 4);
  return vreinterpretq_s8_u32(vdupq_n_u32(four));
}
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) {
  return vreinterpretq_s8_u32(vdupq_n_u32((uint32_t)load_word(p, n)));
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) { return vld1q_s8(p); }
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) { return vdotq_s32(sums, x, w); }

// Depthwise: unpacking leaves the channels in order.
enum { QS8_DW_VECTORS = 4 };

KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  const int8x16_t zero = vdupq_n_s8(0);
  const int8x16_t a = neon_load_bytes16(taps[0] + offset, n);
  const int8x16_t b = count > 1 ? neon_load_bytes16(taps[1] + offset, n) : zero;
  const int8x16_t c = count > 2 ? neon_load_bytes16(taps[2] + offset, n) : zero;
  const int8x16_t d = count > 3 ? neon_load_bytes16(taps[3] + offset, n) : zero;
  const int16x8_t ab_low = vreinterpretq_s16_s8(vzip1q_s8(a, b)), ab_high = vreinterpretq_s16_s8(vzip2q_s8(a, b));
  const int16x8_t cd_low = vreinterpretq_s16_s8(vzip1q_s8(c, d)), cd_high = vreinterpretq_s16_s8(vzip2q_s8(c, d));
  x[0] = vreinterpretq_s8_s16(vzip1q_s16(ab_low, cd_low));
  x[1] = vreinterpretq_s8_s16(vzip2q_s16(ab_low, cd_low));
  x[2] = vreinterpretq_s8_s16(vzip1q_s16(ab_high, cd_high));
  x[3] = vreinterpretq_s8_s16(vzip2q_s16(ab_high, cd_high));
}

#include "neon_dw.h"
