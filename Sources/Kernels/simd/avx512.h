// Vectors of 16 lanes: AVX-512 F, BW, DQ, VL. Included inside a target attribute; simd/scalar.h says what the names mean.
#pragma once

enum { LANES = 16 };

typedef __m512 vf32;
typedef __m512i vs32;
typedef __mmask16 vmask;

// The first n lanes, 1 ≤ n ≤ 16.
KERNEL_INLINE __mmask16 avx512_first(size_t n) { return (__mmask16)((1u << n) - 1); }

KERNEL_INLINE vf32 vf32_load(const float *p) { return _mm512_loadu_ps(p); }
KERNEL_INLINE vf32 vf32_load_n(const float *p, size_t n) { return _mm512_maskz_loadu_ps(avx512_first(n), p); }
KERNEL_INLINE void vf32_store(float *p, vf32 a) { _mm512_storeu_ps(p, a); }
KERNEL_INLINE void vf32_store_n(float *p, vf32 a, size_t n) { _mm512_mask_storeu_ps(p, avx512_first(n), a); }
KERNEL_INLINE vf32 vf32_set(float a) { return _mm512_set1_ps(a); }
KERNEL_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm512_add_ps(a, b); }
KERNEL_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm512_sub_ps(a, b); }
KERNEL_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm512_mul_ps(a, b); }
KERNEL_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm512_div_ps(a, b); }
KERNEL_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm512_fmadd_ps(a, b, c); }
KERNEL_INLINE vf32 vf32_min(vf32 a, vf32 b) { return _mm512_min_ps(a, b); }
KERNEL_INLINE vf32 vf32_max(vf32 a, vf32 b) { return _mm512_max_ps(a, b); }
KERNEL_INLINE vf32 vf32_abs(vf32 a) { return _mm512_abs_ps(a); }
KERNEL_INLINE vf32 vf32_copysign(vf32 magnitude, vf32 sign) {
  const __m512 bit = _mm512_set1_ps(-0.0f);
  return _mm512_or_ps(_mm512_and_ps(bit, sign), _mm512_andnot_ps(bit, magnitude));
}
KERNEL_INLINE vmask vf32_less(vf32 a, vf32 b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
KERNEL_INLINE vf32 vf32_select(vmask mask, vf32 yes, vf32 no) { return _mm512_mask_blend_ps(mask, no, yes); }
KERNEL_INLINE float vf32_reduce_add(vf32 a) { return _mm512_reduce_add_ps(a); }
KERNEL_INLINE float vf32_reduce_min(vf32 a) { return _mm512_reduce_min_ps(a); }
KERNEL_INLINE float vf32_reduce_max(vf32 a) { return _mm512_reduce_max_ps(a); }

KERNEL_INLINE vs32 vs32_load(const int32_t *p) { return _mm512_loadu_si512(p); }
KERNEL_INLINE vs32 vs32_set(int32_t a) { return _mm512_set1_epi32(a); }
KERNEL_INLINE vs32 vs32_add(vs32 a, vs32 b) { return _mm512_add_epi32(a, b); }
KERNEL_INLINE vs32 vs32_sub(vs32 a, vs32 b) { return _mm512_sub_epi32(a, b); }
KERNEL_INLINE vs32 vs32_mul(vs32 a, vs32 b) { return _mm512_mullo_epi32(a, b); }
KERNEL_INLINE vs32 vs32_min(vs32 a, vs32 b) { return _mm512_min_epi32(a, b); }
KERNEL_INLINE vs32 vs32_max(vs32 a, vs32 b) { return _mm512_max_epi32(a, b); }
KERNEL_INLINE vs32 vs32_shift_right(vs32 a, int32_t count) { return _mm512_sra_epi32(a, _mm_cvtsi32_si128(count)); }
KERNEL_INLINE vf32 vf32_from_s32(vs32 a) { return _mm512_cvtepi32_ps(a); }
KERNEL_INLINE vs32 vs32_round(vf32 a) { return _mm512_cvtps_epi32(a); }
KERNEL_INLINE vf32 vf32_scale(vf32 a, vs32 n) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), _mm512_slli_epi32(n, 23)));
}

KERNEL_INLINE vs32 vs32_load_s8(const int8_t *p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p));
}
KERNEL_INLINE vs32 vs32_load_s8_n(const int8_t *p, size_t n) {
  return _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(avx512_first(n), p));
}
KERNEL_INLINE void vs32_store_s8(int8_t *p, vs32 a) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(a)); }
KERNEL_INLINE void vs32_store_s8_n(int8_t *p, vs32 a, size_t n) {
  _mm_mask_storeu_epi8(p, avx512_first(n), _mm512_cvtepi32_epi8(a));
}

// Four elements into each quarter, `stride` apart, and back.
KERNEL_INLINE vf32 avx512_load_quarters(const float *p, size_t stride) {
  __m512 a = _mm512_castps128_ps512(_mm_loadu_ps(p));
  a = _mm512_insertf32x4(a, _mm_loadu_ps(p + stride), 1);
  a = _mm512_insertf32x4(a, _mm_loadu_ps(p + 2 * stride), 2);
  return _mm512_insertf32x4(a, _mm_loadu_ps(p + 3 * stride), 3);
}
KERNEL_INLINE void avx512_store_quarters(float *p, size_t stride, vf32 a) {
  _mm_storeu_ps(p, _mm512_castps512_ps128(a));
  _mm_storeu_ps(p + stride, _mm512_extractf32x4_ps(a, 1));
  _mm_storeu_ps(p + 2 * stride, _mm512_extractf32x4_ps(a, 2));
  _mm_storeu_ps(p + 3 * stride, _mm512_extractf32x4_ps(a, 3));
}

// As avx2_requantize_pair, interleaved by quarters.
KERNEL_INLINE __m512i avx512_requantize_pair(const qs8_requantization *r, const vf32 *multipliers, const vs32 *sums) {
  const __m512 upper = _mm512_set1_ps(r->maximum);
  const __m512 a = _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[0]), multipliers[0]), upper);
  const __m512 b = _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[1]), multipliers[1]), upper);
  const __m512i words = _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
  return _mm512_adds_epi16(words, _mm512_set1_epi16((int16_t)r->zero_point));
}
