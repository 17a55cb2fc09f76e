#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../simd/avx512_words.h"
#include "s16_gemm.h"

void s16_gemm_14x32c2__avx512(const s16_gemm_arguments *arguments) { s16_gemm(arguments, 14, 2); }

#pragma clang attribute pop
#endif
