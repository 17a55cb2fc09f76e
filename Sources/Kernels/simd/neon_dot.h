// s8 products on plain Advanced SIMD: two s8 × s8 products fit s16 when no weight is −128, and are then added pairwise into
// s32. See igemm/qs8_igemm.h and dwconv/qs8_dwconv.h for what these names mean.
#pragma once

#include "neon.h"

enum { QS8_KR = 4, QS8_INPUT_BIAS = 0 };

typedef int8x8x2_t qs8_inputs;   // k 0 and 1 of each lane, and k 2 and 3
typedef int8x8x2_t qs8_weights;

KERNEL_INLINE qs8_inputs neon_broadcast(uint32_t four) {
  return (qs8_inputs){{vreinterpret_s8_u16(vdup_n_u16((uint16_t)four)),
                       vreinterpret_s8_u16(vdup_n_u16((uint16_t)(four >> 16)))}};
}
KERNEL_INLINE qs8_inputs qs8_broadcast(const int8_t *p) {
  uint16_t low, high;
  memcpy(&low, p, 2);
  memcpy(&high, p + 2, 2);
  return (qs8_inputs){{vreinterpret_s8_u16(vdup_n_u16(low)), vreinterpret_s8_u16(vdup_n_u16(high))}};
}
KERNEL_INLINE qs8_inputs qs8_broadcast_n(const int8_t *p, size_t n) {
  return neon_broadcast((uint32_t)load_word(p, n));
}
KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) {
  const int16x4x2_t pairs = vld2_s16((const int16_t *)p);
  return (qs8_weights){{vreinterpret_s8_s16(pairs.val[0]), vreinterpret_s8_s16(pairs.val[1])}};
}
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) {
  const int16x8_t products = vmull_s8(x.val[0], w.val[0]);
  return vpadalq_s16(sums, vmlal_s8(products, x.val[1], w.val[1]));
}

// Depthwise: unpacking leaves the channels in order.
enum { QS8_DW_VECTORS = 4 };

KERNEL_INLINE void qs8_group(const int8_t *const *taps, size_t count, size_t offset, size_t n, qs8_inputs *x) {
  const int8x16_t zero = vdupq_n_s8(0);
  const int8x16_t a = neon_load_bytes16(taps[0] + offset, n);
  const int8x16_t b = count > 1 ? neon_load_bytes16(taps[1] + offset, n) : zero;
  const int8x16_t c = count > 2 ? neon_load_bytes16(taps[2] + offset, n) : zero;
  const int8x16_t d = count > 3 ? neon_load_bytes16(taps[3] + offset, n) : zero;
  const int8x16_t ab_low = vzip1q_s8(a, b), ab_high = vzip2q_s8(a, b);
  const int8x16_t cd_low = vzip1q_s8(c, d), cd_high = vzip2q_s8(c, d);
  x[0] = (qs8_inputs){{vget_low_s8(ab_low), vget_low_s8(cd_low)}};
  x[1] = (qs8_inputs){{vget_high_s8(ab_low), vget_high_s8(cd_low)}};
  x[2] = (qs8_inputs){{vget_low_s8(ab_high), vget_low_s8(cd_high)}};
  x[3] = (qs8_inputs){{vget_high_s8(ab_high), vget_high_s8(cd_high)}};
}

#include "neon_dw.h"
