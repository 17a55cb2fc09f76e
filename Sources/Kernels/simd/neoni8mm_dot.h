// s8 products by smmla: two rows by two columns, eight at a time. See igemm/qs8_igemm.h for what these names mean. None for
// depthwise convolution, whose channels have but one column each.
#pragma once

#include "neon.h"

enum { QS8_KR = 8, QS8_INPUT_BIAS = 0, QS8_ROWS = 2 };
#define QS8_PAIRS

typedef int8x16_t qs8_inputs;   // [2 rows][8]; of a row by itself the same 8 twice
typedef int8x16_t qs8_weights;  // [2 columns][8]

KERNEL_INLINE qs8_weights qs8_load_weights(const int8_t *p) { return vld1q_s8(p); }
KERNEL_INLINE vs32 qs8_dot(vs32 sums, qs8_inputs x, qs8_weights w) { return vmmlaq_s32(sums, x, w); }

KERNEL_INLINE qs8_inputs qs8_rows_load(const int8_t *const *rows, size_t k, size_t count) {
  if (count == 1) return vreinterpretq_s8_s64(vld1q_dup_s64((const int64_t *)(rows[0] + k)));
  return vcombine_s8(vld1_s8(rows[0] + k), vld1_s8(rows[1] + k));
}
KERNEL_INLINE qs8_inputs qs8_rows_load_n(const int8_t *const *rows, size_t k, size_t n, size_t count) {
  const int8x8_t first = vcreate_s8(load_word(rows[0] + k, n));
  return vcombine_s8(first, count == 1 ? first : vcreate_s8(load_word(rows[1] + k, n)));
}

// A row by itself would leave half of an smmla without use, and sdot takes the same weights: a lane for k 0…3 of a column and
// one for k 4…7.
KERNEL_INLINE vs32 qs8_rows_dot(vs32 sums, qs8_inputs x, qs8_weights w, size_t count) {
  return count == 1 ? vdotq_s32(sums, x, w) : qs8_dot(sums, x, w);
}

// [2 rows][2 columns] in each of two vectors; of a row by itself [2 columns][2 halves].
KERNEL_INLINE void qs8_rows_begin(vs32 head, size_t count, vs32 *sums) {
  if (count == 1) {
    const int32x4_t zero = vdupq_n_s32(0);
    sums[0] = vzip1q_s32(head, zero), sums[1] = vzip2q_s32(head, zero);
  } else {
    const int64x2_t pairs = vreinterpretq_s64_s32(head);
    sums[0] = vreinterpretq_s32_s64(vdupq_laneq_s64(pairs, 0));
    sums[1] = vreinterpretq_s32_s64(vdupq_laneq_s64(pairs, 1));
  }
}
KERNEL_INLINE void qs8_rows_end(vs32 *sums, size_t vectors, size_t count) {
  int64x2_t pairs[4];
  UNROLL for (size_t v = 0; v < vectors; v++) {
    if (count == 1) {
      sums[v] = vpaddq_s32(sums[2 * v], sums[2 * v + 1]);
    } else {
      pairs[2 * v] = vreinterpretq_s64_s32(sums[2 * v]), pairs[2 * v + 1] = vreinterpretq_s64_s32(sums[2 * v + 1]);
    }
  }
  if (count == 1) return;
  UNROLL for (size_t v = 0; v < vectors; v++) {
    sums[v] = vreinterpretq_s32_s64(vzip1q_s64(pairs[2 * v], pairs[2 * v + 1]));
    sums[vectors + v] = vreinterpretq_s32_s64(vzip2q_s64(pairs[2 * v], pairs[2 * v + 1]));
  }
}
