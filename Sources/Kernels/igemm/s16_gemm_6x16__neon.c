#include "../target.h"

#if KERNELS_NEON

#include "../simd/neon_words.h"
#include "s16_gemm.h"

void s16_gemm_6x16__neon(const s16_gemm_arguments *arguments) { s16_gemm(arguments, 6, 4); }

#endif
