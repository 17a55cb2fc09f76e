#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)

#include "../simd/avx2_words.h"
#include "s16_gemm.h"

void s16_gemm_6x16c2__avx2(const s16_gemm_arguments *arguments) { s16_gemm(arguments, 6, 2); }

#pragma clang attribute pop
#endif
