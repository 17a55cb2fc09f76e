#include "../target.h"

#if KERNELS_X86
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)

#include "../simd/avx512_dot.h"
#include "../simd/epilogue.h"
#include "qs8_dwconv.h"

void qs8_dwconv_3x3_1x32c2__avx512(const qs8_dwconv_arguments *arguments) { qs8_dwconv_window(arguments, 3, 3); }

void qs8_f32_dwconv_3x3_1x32c2__avx512(const qs8_f32_dwconv_arguments *arguments) { qs8_f32_dwconv_window(arguments, 3, 3); }

#pragma clang attribute pop
#endif
