// Vectors of 8 lanes: AVX2 and FMA. Included inside a target attribute; simd/scalar.h says what the names mean.
#pragma once

enum { LANES = 8 };

typedef __m256 vf32;
typedef __m256i vs32;
typedef __m256 vmask;

// All bits in the first n lanes, 1 ≤ n ≤ 8.
KERNEL_INLINE __m256i avx2_first(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

KERNEL_INLINE vf32 vf32_load(const float *p) { return _mm256_loadu_ps(p); }
KERNEL_INLINE vf32 vf32_load_n(const float *p, size_t n) { return _mm256_maskload_ps(p, avx2_first(n)); }
KERNEL_INLINE void vf32_store(float *p, vf32 a) { _mm256_storeu_ps(p, a); }
KERNEL_INLINE void vf32_store_n(float *p, vf32 a, size_t n) { _mm256_maskstore_ps(p, avx2_first(n), a); }
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

// The first n bytes of eight, 1 ≤ n ≤ 8, the rest 0.
KERNEL_INLINE __m128i avx2_load_bytes(const int8_t *p, size_t n) {
  uint64_t bits = 0;
  switch (n) {
    case 8: memcpy(&bits, p, 8); break;
    case 7: memcpy(&bits, p, 7); break;
    case 6: memcpy(&bits, p, 6); break;
    case 5: memcpy(&bits, p, 5); break;
    case 4: memcpy(&bits, p, 4); break;
    case 3: memcpy(&bits, p, 3); break;
    case 2: memcpy(&bits, p, 2); break;
    default: memcpy(&bits, p, 1); break;
  }
  return _mm_cvtsi64_si128((long long)bits);
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
  uint64_t bits = (uint64_t)_mm_cvtsi128_si64(avx2_narrow(a));
  switch (n) {
    case 8: memcpy(p, &bits, 8); break;
    case 7: memcpy(p, &bits, 7); break;
    case 6: memcpy(p, &bits, 6); break;
    case 5: memcpy(p, &bits, 5); break;
    case 4: memcpy(p, &bits, 4); break;
    case 3: memcpy(p, &bits, 3); break;
    case 2: memcpy(p, &bits, 2); break;
    default: memcpy(p, &bits, 1); break;
  }
}
