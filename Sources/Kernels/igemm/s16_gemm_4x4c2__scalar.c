#include "../simd/scalar_words.h"
#include "s16_gemm.h"

void s16_gemm_4x4c2__scalar(const s16_gemm_arguments *arguments) { s16_gemm(arguments, 4, 4 / LANES); }
