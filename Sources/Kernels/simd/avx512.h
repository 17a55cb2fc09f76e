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
// Vectors of two halves: 8 elements twice; x with another element in the upper half; the upper half in place of the lower.
#define VF32_HALVES
KERNEL_INLINE vf32 vf32_load_half_twice(const float *p) { return _mm512_broadcast_f32x8(_mm256_loadu_ps(p)); }
KERNEL_INLINE vf32 vf32_set_upper(vf32 x, const float *p) { return _mm512_mask_broadcastss_ps(x, 0xFF00, _mm_load_ss(p)); }
KERNEL_INLINE vf32 vf32_upper(vf32 x) { return _mm512_shuffle_f32x4(x, x, 0x4E); }
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
// Not by a mask: a load of what lies behind the last byte, the next pixel's residual, would wait until the store is done.
KERNEL_INLINE void vs32_store_s8_n(int8_t *p, vs32 a, size_t n) {
  __m128i bytes = _mm512_cvtepi32_epi8(a);
  if (n >= 16) {
    _mm_storeu_si128((__m128i *)p, bytes);
    return;
  }
  if (n & 8) {
    _mm_storeu_si64(p, bytes);
    bytes = _mm_unpackhi_epi64(bytes, bytes), p += 8;
  }
  if (n & 4) {
    _mm_storeu_si32(p, bytes);
    bytes = _mm_srli_epi64(bytes, 32), p += 4;
  }
  if (n & 2) {
    _mm_storeu_si16(p, bytes);
    bytes = _mm_srli_epi64(bytes, 16), p += 2;
  }
  if (n & 1) *p = (int8_t)_mm_cvtsi128_si32(bytes);
}

// Of a pair of vectors, v[i] holds columns 8·L + 4·i … in quarter L.
KERNEL_INLINE void pair_load(const float *p, vf32 *pair) {
  const __m512 low = _mm512_loadu_ps(p), high = _mm512_loadu_ps(p + 16);
  pair[0] = _mm512_shuffle_f32x4(low, high, 0x88);
  pair[1] = _mm512_shuffle_f32x4(low, high, 0xDD);
}
KERNEL_INLINE void pair_in_order(vf32 *pair) {
  const __m512i first = _mm512_setr_epi32(0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(8));
  const __m512 low = _mm512_permutex2var_ps(pair[0], first, pair[1]);
  pair[1] = _mm512_permutex2var_ps(pair[0], second, pair[1]);
  pair[0] = low;
}

// As avx2_requantize.
KERNEL_INLINE __m512i avx512_requantize(const qs8_requantization *r, const vf32 *scales, const vs32 *sums) {
  const __m512 upper = _mm512_set1_ps(r->maximum);
  const __m512 a = _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[0]), scales[0]), upper);
  const __m512 b = _mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sums[1]), scales[1]), upper);
  const __m512i words = _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
  return _mm512_adds_epi16(words, _mm512_set1_epi16((int16_t)r->zero_point));
}
KERNEL_INLINE int8_t avx512_lowest(const qs8_requantization *r) {
  return (int8_t)((int32_t)r->minimum + r->zero_point);
}
KERNEL_INLINE void pair_store_s8(int8_t *p, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                 size_t n) {
  const __m256i bytes = _mm512_cvtsepi16_epi8(avx512_requantize(r, scales, sums));
  const __m256i q = _mm256_max_epi8(bytes, _mm256_set1_epi8(avx512_lowest(r)));
  if (n >= 32) {
    _mm256_storeu_si256((__m256i *)p, q);
  } else {
    _mm256_mask_storeu_epi8(p, (__mmask32)((1u << n) - 1), q);
  }
}

enum { BYTE_LANES = 64 };
typedef __m512i vs8;

KERNEL_INLINE __mmask64 avx512_first_bytes(size_t n) { return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1; }
KERNEL_INLINE vs8 vs8_load(const int8_t *p) { return _mm512_loadu_si512(p); }
KERNEL_INLINE vs8 vs8_load_n(const int8_t *p, size_t n) { return _mm512_maskz_loadu_epi8(avx512_first_bytes(n), p); }
KERNEL_INLINE void vs8_store(int8_t *p, vs8 a) { _mm512_storeu_si512(p, a); }
KERNEL_INLINE void vs8_store_n(int8_t *p, vs8 a, size_t n) { _mm512_mask_storeu_epi8(p, avx512_first_bytes(n), a); }
KERNEL_INLINE vs8 vs8_max(vs8 a, vs8 b) { return _mm512_max_epi8(a, b); }

// As in avx2.h.
#ifndef VS8_TABLE
typedef struct {
  __m512i part[16];
} vs8_table;

KERNEL_INLINE vs8_table vs8_table_load(const int8_t *entries) {
  vs8_table table;
  __m512i before = _mm512_setzero_si512();
  UNROLL for (size_t i = 0; i < 16; i++) {
    const __m512i part = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(entries + 16 * i)));
    table.part[i] = i % 8 == 0 ? part : _mm512_xor_si512(part, before);
    before = part;
  }
  return table;
}
KERNEL_INLINE vs8 vs8_lookup(const vs8_table *table, vs8 x) {
  __m512i first = _mm512_xor_si512(x, _mm512_set1_epi8(-128)), second = x, y = _mm512_setzero_si512();
  UNROLL for (size_t i = 0; i < 8; i++) {
    const __m512i a = _mm512_shuffle_epi8(table->part[i], first), b = _mm512_shuffle_epi8(table->part[8 + i], second);
    y = _mm512_ternarylogic_epi64(y, a, b, 0x96);  // the xor of three
    first = _mm512_subs_epi8(first, _mm512_set1_epi8(16));
    second = _mm512_subs_epi8(second, _mm512_set1_epi8(16));
  }
  return y;
}
#endif
