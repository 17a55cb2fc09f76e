// Vectors of 8 words, and smlal; simd/portable_words.h says what the names mean.
#pragma once

#include "neon.h"

enum { WORD_LANES = 8 };

typedef int16x8_t vs16;

KERNEL_INLINE vs16 vs16_set(int16_t a) { return vdupq_n_s16(a); }
KERNEL_INLINE vs16 vs16_load_s8(const int8_t *p) { return vmovl_s8(vld1_s8(p)); }
KERNEL_INLINE vs16 vs16_load_s8_n(const int8_t *p, size_t n) { return vmovl_s8(vcreate_s8(load_word(p, n))); }
KERNEL_INLINE void vs16_store(int16_t *p, vs16 a) { vst1q_s16(p, a); }
KERNEL_INLINE void vs16_store_n(int16_t *p, vs16 a, size_t n) {
  int16_t words[8];
  vst1q_s16(words, a);
  for (size_t i = 0; i < n && i < 8; i++) p[i] = words[i];
}
KERNEL_INLINE vs16 vs16_add(vs16 a, vs16 b) { return vaddq_s16(a, b); }
KERNEL_INLINE vs16 vs16_sub(vs16 a, vs16 b) { return vsubq_s16(a, b); }

KERNEL_INLINE void vs32_store(int32_t *p, vs32 a) { vst1q_s32(p, a); }

enum { S16_KR = 1 };

typedef int16x4_t s16_inputs;
typedef int16x4_t s16_weights;

KERNEL_INLINE s16_inputs s16_broadcast(const int16_t *p) { return vld1_dup_s16(p); }
KERNEL_INLINE s16_weights s16_load_weights(const int16_t *p) { return vld1_s16(p); }
KERNEL_INLINE vs32 s16_dot(vs32 sums, s16_inputs x, s16_weights w) { return vmlal_s16(sums, x, w); }
