#include "../target.h"

#if KERNELS_X86

#include "../simd/sse2_dot.h"
#include "../simd/epilogue.h"
#include "qs8_igemm.h"
#include "qs8_peak.h"

void qs8_igemm_4x8c2__sse2(const qs8_igemm_arguments *arguments) { qs8_igemm(arguments, 4, 2); }

void qs8_f32_igemm_4x8c2__sse2(const qs8_f32_igemm_arguments *arguments) { qs8_f32_igemm(arguments, 4, 2); }

void qs8_peak__sse2(size_t rounds, const float *seeds, float *result) { qs8_peak(rounds, seeds, result); }

#endif
