#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../simd/avx512_dot.h"
#include "../simd/epilogue.h"
#include "qs8_igemm.h"
#include "qs8_peak.h"

void qs8_igemm_14x32c2__avx512(const qs8_igemm_arguments *arguments) { qs8_igemm(arguments, 14, 2); }

void qs8_f32_igemm_14x32c2__avx512(const qs8_f32_igemm_arguments *arguments) { qs8_f32_igemm(arguments, 14, 2); }

void qs8_peak__avx512(size_t rounds, const float *seeds, float *result) { qs8_peak(rounds, seeds, result); }

#pragma clang attribute pop
#endif
