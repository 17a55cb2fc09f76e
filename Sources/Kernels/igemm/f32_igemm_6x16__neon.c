#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon.h"
#include "../simd/epilogue.h"
#include "f32_igemm.h"
#include "f32_peak.h"

void f32_igemm_6x16__neon(const f32_igemm_arguments *arguments) { f32_igemm(arguments, 6, 4); }

void f32_peak__neon(size_t rounds, const float *seeds, float *result) { f32_peak(rounds, seeds, result); }

#endif
