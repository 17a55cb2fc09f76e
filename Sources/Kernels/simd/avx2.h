// Vectors of 8 lanes: AVX2 and FMA. Included inside a target attribute; simd/scalar.h says what the names mean.
#pragma once

#include "word.h"

enum { LANES = 8 };

typedef __m256 vf32;
typedef __m256i vs32;
typedef __m256 vmask;

// The first n of four, n ≤ 3, the rest 0. In pieces, because masked stores take dozens of cycles on some CPUs.
KERNEL_INLINE __m128 avx2_load_few(const float *p, size_t n) {
  const __m128 last = n & 1 ? _mm_load_ss(p + (n & 2)) : _mm_setzero_ps();
  if (!(n & 2)) return last;
  return _mm_movelh_ps(_mm_castpd_ps(_mm_load_sd((const double *)p)), last);
}
KERNEL_INLINE void avx2_store_few(float *p, __m128 a, size_t n) {
  if (n & 2) {
    _mm_storel_pi((__m64 *)p, a);
    a = _mm_movehl_ps(a, a);
  }
  if (n & 1) _mm_store_ss(p + (n & 2), a);
}

KERNEL_INLINE vf32 vf32_load(const float *p) { return _mm256_loadu_ps(p); }
KERNEL_INLINE vf32 vf32_load_n(const float *p, size_t n) {
  if (n >= 8) return _mm256_loadu_ps(p);
  if (n < 4) return _mm256_zextps128_ps256(avx2_load_few(p, n));
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), avx2_load_few(p + 4, n - 4), 1);
}
KERNEL_INLINE void vf32_store(float *p, vf32 a) { _mm256_storeu_ps(p, a); }
KERNEL_INLINE void vf32_store_n(float *p, vf32 a, size_t n) {
  if (n >= 8) {
    _mm256_storeu_ps(p, a);
  } else if (n < 4) {
    avx2_store_few(p, _mm256_castps256_ps128(a), n);
  } else {
    _mm_storeu_ps(p, _mm256_castps256_ps128(a));
    avx2_store_few(p + 4, _mm256_extractf128_ps(a, 1), n - 4);
  }
}
KERNEL_INLINE vf32 vf32_set(float a) { return _mm256_set1_ps(a); }
KERNEL_INLINE vf32 vf32_add(vf32 a, vf32 b) { return _mm256_add_ps(a, b); }
KERNEL_INLINE vf32 vf32_sub(vf32 a, vf32 b) { return _mm256_sub_ps(a, b); }
KERNEL_INLINE vf32 vf32_mul(vf32 a, vf32 b) { return _mm256_mul_ps(a, b); }
KERNEL_INLINE vf32 vf32_div(vf32 a, vf32 b) { return _mm256_div_ps(a, b); }
KERNEL_INLINE vf32 vf32_fma(vf32 a, vf32 b, vf32 c) { return _mm256_fmadd_ps(a, b, c); }
KERNEL_INLINE vf32 vf32_min(vf32 a, vf32 b) { return _mm256_min_ps(a, b); }
KERNEL_INLINE vf32 vf32_max(vf32 a, vf32 b) { return _mm256_max_ps(a, b); }
KERNEL_INLINE vf32 vf32_abs(vf32 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
KERNEL_INLINE vf32 vf32_copysign(vf32 magnitude, vf32 sign) {
  const __m256 bit = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_and_ps(bit, sign), _mm256_andnot_ps(bit, magnitude));
}
KERNEL_INLINE vmask vf32_less(vf32 a, vf32 b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }
KERNEL_INLINE vf32 vf32_select(vmask mask, vf32 yes, vf32 no) { return _mm256_blendv_ps(no, yes, mask); }

KERNEL_INLINE float vf32_reduce_add(vf32 a) {
  __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(b, _mm_movehdup_ps(b)));
}

KERNEL_INLINE float vf32_reduce_min(vf32 a) {
  __m128 b = _mm_min_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_min_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_min_ss(b, _mm_movehdup_ps(b)));
}

KERNEL_INLINE float vf32_reduce_max(vf32 a) {
  __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  b = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(b, _mm_movehdup_ps(b)));
}

KERNEL_INLINE vs32 vs32_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
KERNEL_INLINE vs32 vs32_set(int32_t a) { return _mm256_set1_epi32(a); }
KERNEL_INLINE vs32 vs32_add(vs32 a, vs32 b) { return _mm256_add_epi32(a, b); }
KERNEL_INLINE vs32 vs32_sub(vs32 a, vs32 b) { return _mm256_sub_epi32(a, b); }
KERNEL_INLINE vs32 vs32_mul(vs32 a, vs32 b) { return _mm256_mullo_epi32(a, b); }
KERNEL_INLINE vs32 vs32_min(vs32 a, vs32 b) { return _mm256_min_epi32(a, b); }
KERNEL_INLINE vs32 vs32_max(vs32 a, vs32 b) { return _mm256_max_epi32(a, b); }
KERNEL_INLINE vs32 vs32_shift_right(vs32 a, int32_t count) { return _mm256_sra_epi32(a, _mm_cvtsi32_si128(count)); }
KERNEL_INLINE vf32 vf32_from_s32(vs32 a) { return _mm256_cvtepi32_ps(a); }
KERNEL_INLINE vs32 vs32_round(vf32 a) { return _mm256_cvtps_epi32(a); }
KERNEL_INLINE vf32 vf32_scale(vf32 a, vs32 n) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), _mm256_slli_epi32(n, 23)));
}

// As load_word and store_word, of 8, 16 and 32 bytes.
KERNEL_INLINE __m128i avx2_load_bytes(const int8_t *p, size_t n) {
  return _mm_cvtsi64_si128((long long)load_word(p, n));
}
KERNEL_INLINE __m128i avx2_load_bytes16(const int8_t *p, size_t n) {
  if (n >= 16) return _mm_loadu_si128((const __m128i *)p);
  const uint64_t high = n > 8 ? load_word(p + 8, n - 8) : 0;
  return _mm_set_epi64x((long long)high, (long long)load_word(p, n));
}
KERNEL_INLINE __m256i avx2_load_bytes32(const int8_t *p, size_t n) {
  const __m128i high = n > 16 ? avx2_load_bytes16(p + 16, n - 16) : _mm_setzero_si128();
  return _mm256_inserti128_si256(_mm256_castsi128_si256(avx2_load_bytes16(p, n)), high, 1);
}
KERNEL_INLINE void avx2_store_bytes16(int8_t *p, __m128i a, size_t n) {
  store_word(p, (uint64_t)_mm_cvtsi128_si64(a), n);
  if (n > 8) store_word(p + 8, (uint64_t)_mm_extract_epi64(a, 1), n - 8);
}
KERNEL_INLINE void avx2_store_bytes32(int8_t *p, __m256i a, size_t n) {
  avx2_store_bytes16(p, _mm256_castsi256_si128(a), n);
  if (n > 16) avx2_store_bytes16(p + 16, _mm256_extracti128_si256(a, 1), n - 16);
}

KERNEL_INLINE vs32 vs32_load_s8(const int8_t *p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p));
}
KERNEL_INLINE vs32 vs32_load_s8_n(const int8_t *p, size_t n) { return _mm256_cvtepi8_epi32(avx2_load_bytes(p, n)); }

// The lowest byte of each lane, in order, in the lower half.
KERNEL_INLINE __m128i avx2_narrow(vs32 a) {
  const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  return _mm_packs_epi16(halves, halves);
}
KERNEL_INLINE void vs32_store_s8(int8_t *p, vs32 a) { _mm_storel_epi64((__m128i *)p, avx2_narrow(a)); }
KERNEL_INLINE void vs32_store_s8_n(int8_t *p, vs32 a, size_t n) {
  store_word(p, (uint64_t)_mm_cvtsi128_si64(avx2_narrow(a)), n);
}

// Of a pair of vectors, v[i] holds columns 8·L + 4·i … in half L.
KERNEL_INLINE void pair_in_order(vf32 *pair) {
  const __m256 low = _mm256_permute2f128_ps(pair[0], pair[1], 0x20);
  pair[1] = _mm256_permute2f128_ps(pair[0], pair[1], 0x31);
  pair[0] = low;
}
KERNEL_INLINE void pair_load(const float *p, vf32 *pair) {
  pair[0] = _mm256_loadu_ps(p), pair[1] = _mm256_loadu_ps(p + 8);
  pair_in_order(pair);  // which is its own inverse
}

// A pair requantized into s16, in order, still to be clamped from below and to s8: the saturation of the narrowing
// instructions does that. The upper bound comes before the conversion to integers, which has no answer for large values;
// small ones become the smallest integer.
KERNEL_INLINE __m256i avx2_requantize(const qs8_requantization *r, const vf32 *scales, const vs32 *sums) {
  const __m256 upper = _mm256_set1_ps(r->maximum);
  const __m256 a = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[0]), scales[0]), upper);
  const __m256 b = _mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(sums[1]), scales[1]), upper);
  const __m256i words = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
  return _mm256_adds_epi16(words, _mm256_set1_epi16((int16_t)r->zero_point));
}
KERNEL_INLINE int8_t avx2_lowest(const qs8_requantization *r) {
  return (int8_t)((int32_t)r->minimum + r->zero_point);
}
KERNEL_INLINE void pair_store_s8(int8_t *p, const qs8_requantization *r, const vf32 *scales, const vs32 *sums,
                                 size_t n) {
  const __m256i words = avx2_requantize(r, scales, sums);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  const __m128i q = _mm_max_epi8(bytes, _mm_set1_epi8(avx2_lowest(r)));
  if (n >= 16) {
    _mm_storeu_si128((__m128i *)p, q);
  } else {
    avx2_store_bytes16(p, q, n);
  }
}

enum { BYTE_LANES = 32 };
typedef __m256i vs8;

KERNEL_INLINE vs8 vs8_load(const int8_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
KERNEL_INLINE vs8 vs8_load_n(const int8_t *p, size_t n) { return avx2_load_bytes32(p, n); }
KERNEL_INLINE void vs8_store(int8_t *p, vs8 a) { _mm256_storeu_si256((__m256i *)p, a); }
KERNEL_INLINE void vs8_store_n(int8_t *p, vs8 a, size_t n) { avx2_store_bytes32(p, a, n); }
KERNEL_INLINE vs8 vs8_max(vs8 a, vs8 b) { return _mm256_max_epi8(a, b); }

// A function of a byte, by pshufb: that looks up the low four bits of an index, and gives 0 where its top bit is set.
//
// part[i] is entries 16·i … of the table, and from the second of each half on the difference (by xor) to the part before.
// An index that goes down by 16 from part to part becomes negative behind its own part, so that the xor of all look-ups is
// the sum of differences up to that part: the entry.
typedef struct {
  __m256i part[16];
} vs8_table;

KERNEL_INLINE vs8_table vs8_table_load(const int8_t *entries) {
  vs8_table table;
  __m256i before = _mm256_setzero_si256();
  UNROLL for (size_t i = 0; i < 16; i++) {
    const __m256i part = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(entries + 16 * i)));
    table.part[i] = i % 8 == 0 ? part : _mm256_xor_si256(part, before);
    before = part;
  }
  return table;
}
KERNEL_INLINE vs8 vs8_lookup(const vs8_table *table, vs8 x) {
  // Entry x + 128: negative x look in the first half, by their low seven bits.
  __m256i first = _mm256_xor_si256(x, _mm256_set1_epi8(-128)), second = x, y = _mm256_setzero_si256();
  UNROLL for (size_t i = 0; i < 8; i++) {
    y = _mm256_xor_si256(y, _mm256_shuffle_epi8(table->part[i], first));
    y = _mm256_xor_si256(y, _mm256_shuffle_epi8(table->part[8 + i], second));
    // Saturated, or the most negative would come round.
    first = _mm256_subs_epi8(first, _mm256_set1_epi8(16));
    second = _mm256_subs_epi8(second, _mm256_set1_epi8(16));
  }
  return y;
}
