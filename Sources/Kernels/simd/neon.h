// Vectors of 4 lanes: aarch64 Advanced SIMD. simd/scalar.h says what the names mean.
#pragma once

#include "word.h"

enum { LANES = 4 };

typedef float32x4_t vf32;
typedef int32x4_t vs32;
typedef uint32x4_t vmask;

KERNEL_INLINE vf32 vf32_load(const float *p) { return vld1q_f32(p); }
KERNEL_INLINE void vf32_store(float *p, vf32 a) { vst1q_f32(p, a); }
KERNEL_INLINE vf32 vf32_set(float a) { return vdupq_n_f32(a); }

KERNEL_INLINE vf32 vf32_load_n(const float *p, size_t n) {
  if (n >= 4) return vld1q_f32(p);
  vf32 a = vld1q_lane_f32(p, vdupq_n_f32(0), 0);
  if (n > 1) a = vld1q_lane_f32(p + 1, a, 1);
  if (n > 2) a = vld1q_lane_f32(p + 2, a, 2);
  return a;
}
KERNEL_INLINE void vf32_store_n(float *p, vf32 a, size_t n) {
  if (n >= 4) {
    vst1q_f32(p, a);
    return;
  }
  vst1q_lane_f32(p, a, 0);
  if (n > 1) vst1q_lane_f32(p + 1, a, 1);
  if (n > 2) vst1q_lane_f32(p + 2, a, 2);
}

KERNEL_INLINE vf32 vf32_add(vf32 a, vf32 b) { return vaddq_f32(a, b); }
KERNEL_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return vsubq_f32(a, b); }
KERNEL_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return vmulq_f32(a, b); }
KERNEL_INLINE vf32 vf32_div(vf32 a, vf32 b) { return vdivq_f32(a, b); }
KERNEL_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return vfmaq_f32(c, a, b); }
KERNEL_INLINE vmask vf32_less(vf32 a, vf32 b) { return vcltq_f32(a, b); }
KERNEL_INLINE vf32 vf32_select(vmask mask, vf32 yes, vf32 no) { return vbslq_f32(mask, yes, no); }
// By comparison, because FMIN and FMAX do not take `b` when one is NaN.
KERNEL_INLINE vf32 vf32_min(vf32 a, vf32 b) { return vf32_select(vcltq_f32(a, b), a, b); }
KERNEL_INLINE vf32 vf32_max(vf32 a, vf32 b) { return vf32_select(vcgtq_f32(a, b), a, b); }
KERNEL_INLINE vf32 vf32_abs(vf32 a) { return vabsq_f32(a); }
KERNEL_INLINE vf32 vf32_copysign(vf32 magnitude, vf32 sign) {
  return vbslq_f32(vdupq_n_u32(UINT32_C(1) << 31), sign, magnitude);
}
KERNEL_INLINE float vf32_reduce_add(vf32 a) { return vaddvq_f32(a); }
KERNEL_INLINE float vf32_reduce_min(vf32 a) { return vminvq_f32(a); }
KERNEL_INLINE float vf32_reduce_max(vf32 a) { return vmaxvq_f32(a); }

KERNEL_INLINE vs32 vs32_load(const int32_t *p) { return vld1q_s32(p); }
KERNEL_INLINE vs32 vs32_set(int32_t a) { return vdupq_n_s32(a); }
KERNEL_INLINE vs32 vs32_add(vs32 a, vs32 b) { return vaddq_s32(a, b); }
KERNEL_INLINE vs32 vs32_sub(vs32 a, vs32 b) { return vsubq_s32(a, b); }
KERNEL_INLINE vs32 vs32_mul(vs32 a, vs32 b) { return vmulq_s32(a, b); }
KERNEL_INLINE vs32 vs32_min(vs32 a, vs32 b) { return vminq_s32(a, b); }
KERNEL_INLINE vs32 vs32_max(vs32 a, vs32 b) { return vmaxq_s32(a, b); }
KERNEL_INLINE vs32 vs32_shift_right(vs32 a, int32_t count) { return vshlq_s32(a, vdupq_n_s32(-count)); }
KERNEL_INLINE vf32 vf32_from_s32(vs32 a) { return vcvtq_f32_s32(a); }
KERNEL_INLINE vs32 vs32_round(vf32 a) { return vcvtnq_s32_f32(a); }
KERNEL_INLINE vf32 vf32_scale(vf32 a, vs32 n) {
  return vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), vshlq_n_s32(n, 23)));
}

KERNEL_INLINE vs32 neon_widen(uint32_t four) {
  const int8x8_t bytes = vcreate_s8(four);
  return vmovl_s16(vget_low_s16(vmovl_s8(bytes)));
}
KERNEL_INLINE uint32_t neon_narrow(vs32 a) {
  const int16x4_t words = vmovn_s32(a);
  return vget_lane_u32(vreinterpret_u32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
}
// As load_word and store_word, of 16 and 8 bytes.
KERNEL_INLINE int8x16_t neon_load_bytes16(const int8_t *p, size_t n) {
  if (n >= 16) return vld1q_s8(p);
  return vcombine_s8(vcreate_s8(load_word(p, n)), vcreate_s8(n > 8 ? load_word(p + 8, n - 8) : 0));
}
KERNEL_INLINE void neon_store_bytes(int8_t *p, int8x8_t a, size_t n) {
  store_word(p, vget_lane_u64(vreinterpret_u64_s8(a), 0), n);
}

KERNEL_INLINE vs32 vs32_load_s8(const int8_t *p) {
  uint32_t four;
  memcpy(&four, p, 4);
  return neon_widen(four);
}
KERNEL_INLINE vs32 vs32_load_s8_n(const int8_t *p, size_t n) { return neon_widen((uint32_t)load_word(p, n)); }
KERNEL_INLINE void vs32_store_s8(int8_t *p, vs32 a) {
  const uint32_t four = neon_narrow(a);
  memcpy(p, &four, 4);
}
KERNEL_INLINE void vs32_store_s8_n(int8_t *p, vs32 a, size_t n) {
  store_word(p, neon_narrow(a), n);
}

// Pairs of vectors are in plain order.
KERNEL_INLINE void pair_in_order(vf32 *pair) { (void)pair; }
KERNEL_INLINE void pair_load(const float *p, vf32 *pair) { pair[0] = vld1q_f32(p), pair[1] = vld1q_f32(p + 4); }

KERNEL_INLINE int8x8_t neon_requantize(const qs8_requantization *r, const vf32 *scales, const vs32 *sums) {
  const float32x4_t upper = vdupq_n_f32(r->maximum);
  const float32x4_t a = vminq_f32(vmulq_f32(vcvtq_f32_s32(sums[0]), scales[0]), upper);
  const float32x4_t b = vminq_f32(vmulq_f32(vcvtq_f32_s32(sums[1]), scales[1]), upper);
  const int16x8_t words = vcombine_s16(vqmovn_s32(vcvtnq_s32_f32(a)), vqmovn_s32(vcvtnq_s32_f32(b)));
  // Narrowing saturates, so that the lower bound can come last.
  const int8x8_t bytes = vqmovn_s16(vqaddq_s16(words, vdupq_n_s16((int16_t)r->zero_point)));
  return vmax_s8(bytes, vdup_n_s8((int8_t)((int32_t)r->minimum + r->zero_point)));
}
KERNEL_INLINE void pair_store_s8(int8_t *p, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                 size_t n) {
  const int8x8_t q = neon_requantize(r, scales, sums);
  if (n >= 8) {
    vst1_s8(p, q);
  } else {
    neon_store_bytes(p, q, n);
  }
}

enum { BYTE_LANES = 16 };
typedef int8x16_t vs8;

KERNEL_INLINE vs8 vs8_load(const int8_t *p) { return vld1q_s8(p); }
KERNEL_INLINE vs8 vs8_load_n(const int8_t *p, size_t n) { return neon_load_bytes16(p, n); }
KERNEL_INLINE void vs8_store(int8_t *p, vs8 a) { vst1q_s8(p, a); }
KERNEL_INLINE void vs8_store_n(int8_t *p, vs8 a, size_t n) {
  neon_store_bytes(p, vget_low_s8(a), n);
  if (n > 8) neon_store_bytes(p + 8, vget_high_s8(a), n - 8);
}
KERNEL_INLINE vs8 vs8_max(vs8 a, vs8 b) { return vmaxq_s8(a, b); }

// A function of a byte, by tbl and tbx: 64 entries each. tbx leaves what is out of its range as it is.
typedef struct {
  int8x16x4_t part[4];
} vs8_table;

KERNEL_INLINE vs8_table vs8_table_load(const int8_t *entries) {
  vs8_table table;
  UNROLL for (size_t i = 0; i < 16; i++) table.part[i / 4].val[i % 4] = vld1q_s8(entries + 16 * i);
  return table;
}
KERNEL_INLINE vs8 vs8_lookup(const vs8_table *table, vs8 x) {
  // Entry x + 128.
  uint8x16_t index = veorq_u8(vreinterpretq_u8_s8(x), vdupq_n_u8(128));
  int8x16_t y = vqtbl4q_s8(table->part[0], index);
  UNROLL for (size_t i = 1; i < 4; i++) {
    index = vsubq_u8(index, vdupq_n_u8(64));
    y = vqtbx4q_s8(y, table->part[i], index);
  }
  return y;
}
