#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avxvnni,avx2,fma"))), apply_to = function)

#include "../simd/avxvnni_dot.h"
#include "../simd/epilogue.h"
#include "qs8_igemm.h"
#include "qs8_peak.h"

void qs8_igemm_6x16c4__avxvnni(const qs8_igemm_arguments *arguments) { qs8_igemm(arguments, 6, 2); }

void qs8_f32_igemm_6x16c4__avxvnni(const qs8_f32_igemm_arguments *arguments) { qs8_f32_igemm(arguments, 6, 2); }

void qs8_peak__avxvnni(size_t rounds, const float *seeds, float *result) { qs8_peak(rounds, seeds, result); }

#pragma clang attribute pop
#endif
