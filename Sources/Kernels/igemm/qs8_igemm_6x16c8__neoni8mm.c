#include "../target.h"

#if KERNELS_NEON
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)

#include "../simd/neoni8mm_dot.h"
#include "../simd/epilogue.h"
#include "qs8_igemm.h"
#include "qs8_peak.h"

void qs8_igemm_6x16c8__neoni8mm(const qs8_igemm_arguments *arguments) { qs8_igemm(arguments, 6, 4); }

void qs8_f32_igemm_6x16c8__neoni8mm(const qs8_f32_igemm_arguments *arguments) { qs8_f32_igemm(arguments, 6, 4); }

void qs8_peak__neoni8mm(size_t rounds, const float *seeds, float *result) { qs8_peak(rounds, seeds, result); }

#pragma clang attribute pop
#endif
