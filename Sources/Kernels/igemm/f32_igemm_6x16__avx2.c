#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "../simd/avx2.h"
#include "../simd/epilogue.h"
#include "f32_igemm.h"
#include "f32_peak.h"

void f32_igemm_6x16__avx2(const f32_igemm_arguments *arguments) { f32_igemm(arguments, 6, 2); }

void f32_peak__avx2(size_t rounds, const float *seeds, float *result) { f32_peak(rounds, seeds, result); }

#pragma clang attribute pop
#endif
